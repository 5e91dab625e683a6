// The live view of a run on standard error: on a terminal one line that is rewritten and fits its
// width, plain lines elsewhere. Its destructor clears it.
#pragma once

#include <string>

#include "bench/load/run.h"

namespace sluice {

class Live {
  public:
    explicit Live(bool quiet);
    Live(const Live&) = delete;
    Live& operator=(const Live&) = delete;
    ~Live() { clear(); }

    // What is done before the first figures; on a terminal only.
    void show(const std::string& what);
    void show(const load::Second& second);
    void clear();

  private:
    const bool quiet_;
    const bool terminal_;
    bool shown_ = false;
};

}  // namespace sluice
