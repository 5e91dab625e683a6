// Room in a vector, asked for where nothing may be thrown.
#pragma once

#include <algorithm>
#include <cstddef>
#include <new>
#include <vector>

namespace sluice {

// Makes room for so many elements more, growing as push_back() does. False: out of memory, and
// nothing has changed.
template <typename T>
[[nodiscard]] bool reserve_more(std::vector<T>& list, std::size_t more) noexcept {
    if (list.capacity() - list.size() >= more) {
        return true;
    }
    try {
        list.reserve(std::max(list.size() + more, 2 * list.capacity()));
    } catch (const std::bad_alloc&) {
        return false;
    }
    return true;
}

}  // namespace sluice
