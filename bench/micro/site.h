// What the micro-benchmarks share: content made by hand, without disk or loader, and the requests
// that they measure.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/snapshot.h"
#include "http1/response.h"

namespace sluice::micro {

inline constexpr std::size_t kPageBytes = 509;  // of the page of the lab report

// The request of the lab report that the page comes from: Chrome 106 on Windows.
inline constexpr std::string_view kBrowserRequest =
    "GET / HTTP/1.1\r\n"
    "Host: 127.0.0.1:8080\r\n"
    "Connection: keep-alive\r\n"
    "sec-ch-ua: \"Chromium\";v=\"106\", \"Google Chrome\";v=\"106\", \"Not;A=Brand\";v=\"99\"\r\n"
    "sec-ch-ua-mobile: ?0\r\n"
    "sec-ch-ua-platform: \"Windows\"\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/106.0.0.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
    "image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.9\r\n"
    "Sec-Fetch-Site: none\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-User: ?1\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: zh-CN,zh;q=0.9,en-US;q=0.8,en;q=0.7\r\n"
    "Cookie: SL_G_WPT_TO=zh; SL_GWPT_Show_Hide_tmp=1; SL_wptGlobTipTm=1\r\n"
    "\r\n";
inline constexpr std::string_view kMinimalRequest = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

class Site {
  public:
    // An entry in memory, as the loader prepares it.
    http::Entry& add(const std::string& path, std::size_t bytes) {
        auto made = std::make_unique<http::Entry>();
        http::Entry& entry = *made;
        entry.path = path;
        entry.size = bytes;
        entry.mtime_seconds = 784'111'777;
        entry.etag = "\"0123456789abcdef\"";
        entry.content_type = "text/html; charset=utf-8";
        http::prepare_heads(entry);
        const std::string& head = entry.head_200;
        entry.block = std::make_unique<char[]>(head.size() + bytes);
        entry.block_head_bytes = static_cast<std::uint32_t>(head.size());
        std::memcpy(entry.block.get(), head.data(), head.size());
        std::memset(entry.block.get() + head.size(), 'x', bytes);
        entries_.push_back(std::move(made));
        return entry;
    }

    // All that was added so far.
    const http::Snapshot& publish() {
        std::vector<const http::Entry*> all;
        all.reserve(entries_.size());
        for (const auto& entry : entries_) {
            all.push_back(entry.get());
        }
        snapshot_ = std::make_unique<http::Snapshot>(std::move(all), 1);
        return *snapshot_;
    }

  private:
    std::vector<std::unique_ptr<http::Entry>> entries_;
    std::unique_ptr<http::Snapshot> snapshot_;
};

}  // namespace sluice::micro
