// What the system says of a file (stat(2)), made to depend on virtual time: a file that a test has
// named here has the number and times that the test gave, for the whole process. Its size and kind
// stay the real ones.
//
// The sim test defines fstat, fstatat and stat itself for this (facts_linux.cpp). One thread.
#pragma once

#include <cstdint>

namespace sluice::sim {

struct Facts {
    std::uint64_t inode = 0;  // no other file of the test ever had it
    std::int64_t mtime_ns = 0;
    std::int64_t ctime_ns = 0;
};

// Of the open file, until told otherwise or forgotten.
void tell_facts(int file, const Facts& facts);
// To be called before the file goes: the system may give its number to another one.
void forget_facts(int file);

}  // namespace sluice::sim
