#include "wire/explain.h"

#include <algorithm>

namespace sluice::wire {

namespace {

struct FieldText {
    std::string_view name;  // in lower case
    std::string_view en;
    std::string_view zh;
};

constexpr FieldText kFields[] = {
    {"host",
     "The host and port that the request is for: one address may serve many sites. "
     "Mandatory in HTTP/1.1.",
     "请求所针对的主机与端口；同一地址上可以有多个网站。HTTP/1.1 必须携带。"},
    {"connection",
     "keep-alive: the connection stays open for further requests; close: it ends "
     "after this exchange.",
     "keep-alive 表示保持连接以便继续请求；close 表示本次交互之后关闭。"},
    {"keep-alive", "How long and for how many requests the connection stays open.",
     "连接保持的时间与请求次数。"},
    {"sec-ch-ua",
     "Client hint: brands and versions of the browser; an invented brand among them "
     "keeps servers from relying on a fixed list.",
     "客户端提示：浏览器品牌与版本，其中混入一个虚构品牌，防止服务器依赖固定列表。"},
    {"sec-ch-ua-mobile", "Client hint: ?1 on a phone, ?0 elsewhere.",
     "客户端提示：?1 表示移动设备，?0 表示不是。"},
    {"sec-ch-ua-platform", "Client hint: the operating system.", "客户端提示：操作系统。"},
    {"upgrade-insecure-requests", "The browser would rather get links to https.",
     "浏览器希望得到 https 版本的页面。"},
    {"user-agent", "Which program asks; servers may adapt their answer to it.",
     "用户代理：发出请求的程序，服务器可据此返回不同版本。"},
    {"accept", "Media types that the client can use, with weights q.",
     "客户端能处理的媒体类型及其权重 q。"},
    {"accept-encoding", "Content codings (compression) that the client can undo.",
     "客户端能解开的内容编码（压缩方式）。"},
    {"accept-language", "Languages that the reader prefers, with weights.",
     "用户希望得到的语言及其权重。"},
    {"accept-ranges", "The server answers requests for byte ranges.", "服务器支持按字节范围请求。"},
    {"sec-fetch-site",
     "Where the request comes from: none means typed by the user, same-origin "
     "means caused by a page of this site.",
     "请求来源：none 表示用户直接输入地址，same-origin 表示由本站页面引起。"},
    {"sec-fetch-mode", "How the answer is used: navigate for a page, no-cors for a picture.",
     "请求方式：navigate 为打开页面，no-cors 为加载图片等。"},
    {"sec-fetch-user", "?1: the user caused this navigation.", "?1 表示由用户操作引起。"},
    {"sec-fetch-dest", "What the answer becomes: document, image ...",
     "请求目标的用途：document 为页面，image 为图片。"},
    {"referer", "The page that led to this request.", "引出该请求的页面。"},
    {"cookie", "What the server once asked the client to send back; personal, so hidden here.",
     "服务器曾要求客户端带回的信息；属于隐私，此处隐去。"},
    {"set-cookie", "Asks the client to send this back with later requests.",
     "要求客户端在以后的请求中带回的信息。"},
    {"authorization", "Credentials; hidden here.", "身份凭据；此处隐去。"},
    {"if-none-match", "Send the content only if its entity tag is none of these; otherwise 304.",
     "只有实体标签与所列不同时才发送内容，否则回答 304。"},
    {"if-modified-since", "Send the content only if it changed after this time; otherwise 304.",
     "只有在此时间之后修改过才发送内容，否则回答 304。"},
    {"if-range", "Send the range only if the content is still this one.",
     "只有内容仍是该版本时才按范围发送。"},
    {"range", "Only these bytes are wanted.", "只请求所列的字节范围。"},
    {"content-range", "Which bytes of how many the body holds.", "正文是全部内容中的哪一段。"},
    {"expect", "100-continue: the client waits for a word before it sends the body.",
     "100-continue：客户端等待许可之后再发送正文。"},
    {"content-type", "What the body is: its media type and character set.",
     "正文的媒体类型与字符集。"},
    {"content-length", "Bytes of the body; with it the reader knows where it ends.",
     "正文的字节数，接收方据此知道正文在哪里结束。"},
    {"transfer-encoding", "chunked: the body comes in pieces, each with its length in front.",
     "chunked：正文分块传送，每块之前给出长度。"},
    {"content-encoding", "The body is compressed in this way.", "正文的压缩方式。"},
    {"date", "When the server made this response; not when the file was made.",
     "服务器产生该响应的时间，而不是文件创建或修改的时间。"},
    {"server", "The program that answers.", "作出响应的服务器程序。"},
    {"last-modified", "When the content last changed; the client may ask with If-Modified-Since.",
     "内容最后修改的时间；客户端以后可用 If-Modified-Since 询问。"},
    {"etag", "Entity tag: a name for exactly these bytes; the client may ask with If-None-Match.",
     "实体标签：这一版本内容的名字；客户端以后可用 If-None-Match 询问。"},
    {"cache-control", "Who may keep a copy, and for how long.", "谁可以缓存副本、缓存多久。"},
    {"vary", "Which request fields the answer depends on; caches must keep them apart.",
     "响应取决于哪些请求首部，缓存须据此区分。"},
    {"location", "Where to go instead.", "应改为请求的地址。"},
    {"allow", "Methods that this resource takes.", "该资源允许的方法。"},
    {"x-content-type-options", "nosniff: believe Content-Type, do not guess.",
     "nosniff：以 Content-Type 为准，不要猜测类型。"},
    {"retry-after", "When to try again.", "何时可以重试。"},
};

struct StatusText {
    int status;
    std::string_view section;
    std::string_view en;
    std::string_view zh;
};

constexpr StatusText kStatuses[] = {
    {100, "15.2.1", "Continue: go on and send the body.", "继续：可以发送正文。"},
    {101, "15.2.2", "Switching Protocols: from here on another protocol.",
     "切换协议：此后使用另一种协议。"},
    {200, "15.3.1", "OK: the request succeeded; the body is what was asked for.",
     "请求成功，正文就是所请求的对象。"},
    {204, "15.3.5", "No Content: success, and there is no body.", "成功，没有正文。"},
    {206, "15.3.7", "Partial Content: the bytes that Range asked for, and no others.",
     "部分内容：只返回 Range 所请求的字节。"},
    {301, "15.4.2", "Moved Permanently: the object has another address, in Location.",
     "永久移动：对象在新的位置，由 Location 给出。"},
    {302, "15.4.3", "Found: for now at another address, in Location.",
     "临时移动：暂时位于 Location 给出的位置。"},
    {304, "15.4.5", "Not Modified: the client's copy is still right, so no body is sent.",
     "未修改：客户端的副本仍有效，不再传送正文。"},
    {400, "15.5.1", "Bad Request: the server cannot make sense of the request.",
     "服务器不能理解请求报文。"},
    {401, "15.5.2", "Unauthorized: credentials are missing or wrong.", "缺少凭据或凭据错误。"},
    {403, "15.5.4", "Forbidden: understood, and refused.", "理解请求但拒绝执行。"},
    {404, "15.5.5", "Not Found: there is nothing at this address.", "服务器找不到所请求的对象。"},
    {405, "15.5.6",
     "Method Not Allowed: the resource exists, the method does not apply; Allow "
     "lists those that do.",
     "方法不允许：资源存在但不接受该方法，Allow 列出可用的方法。"},
    {408, "15.5.9", "Request Timeout: the request did not become complete in time.",
     "请求超时：请求未能及时完整到达。"},
    {412, "15.5.13", "Precondition Failed.", "前提条件不满足。"},
    {413, "15.5.14", "Content Too Large.", "请求正文过大。"},
    {414, "15.5.15", "URI Too Long.", "请求的地址过长。"},
    {416, "15.5.17",
     "Range Not Satisfiable: the range lies behind the end; Content-Range tells "
     "the size.",
     "范围无法满足：请求的范围超出对象末尾，Content-Range 给出其大小。"},
    {431, "RFC 6585 section 5", "Request Header Fields Too Large.", "请求首部过大。"},
    {500, "15.6.1", "Internal Server Error.", "服务器内部错误。"},
    {501, "15.6.2", "Not Implemented: the server does not know this method.",
     "未实现：服务器不认识该方法。"},
    {503, "15.6.4", "Service Unavailable: for the moment.", "暂时无法提供服务。"},
    {505, "15.6.6", "HTTP Version Not Supported.", "服务器不支持请求使用的 HTTP 版本。"},
};

char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

}  // namespace

std::string_view field_meaning(std::string_view name, Language language) noexcept {
    for (const FieldText& one : kFields) {
        if (one.name.size() == name.size() &&
            std::equal(name.begin(), name.end(), one.name.begin(),
                       [](char a, char b) { return lower(a) == b; })) {
            return language == Language::en ? one.en : one.zh;
        }
    }
    return {};
}

std::string_view status_meaning(int status, Language language) noexcept {
    for (const StatusText& one : kStatuses) {
        if (one.status == status) {
            return language == Language::en ? one.en : one.zh;
        }
    }
    return {};
}

std::string_view status_section(int status) noexcept {
    for (const StatusText& one : kStatuses) {
        if (one.status == status) {
            return one.section;
        }
    }
    return {};
}

}  // namespace sluice::wire
