// The benchmarks that exist once for each backend that this machine can run.
#pragma once

namespace sluice::micro {

void register_loopback();

}  // namespace sluice::micro
