// Mounts that no other process sees, for the rest of this process.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>
#include <iostream>

namespace sluice::test {

class PrivateMounts {
  public:
    PrivateMounts() : have_(::unshare(CLONE_NEWNS) == 0 || as_user()) {
        have_ = have_ && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    }
    // Where that is forbidden, the test says so and tests nothing.
    [[nodiscard]] bool have() const {
        if (!have_) {
            std::cout << testing::UnitTest::GetInstance()->current_test_info()->name()
                      << " tests nothing: this user may not have mounts of its own\n";
        }
        return have_;
    }

  private:
    // Another user may be root in a user namespace.
    static bool as_user() {
        const uid_t user = ::getuid();
        if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
            return false;
        }
        std::ofstream map("/proc/self/uid_map");
        map << "0 " << user << " 1";
        map.close();
        return !map.fail();
    }

    bool have_;
};

}  // namespace sluice::test
