#include "content/charset.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::http {
namespace {

using namespace std::string_view_literals;

// ---- UTF-8 -------------------------------------------------------------------------------------

bool whole(std::string_view text) {
    Utf8Check check;
    check.look(text);
    return check.complete();
}

std::string encoded(std::uint32_t point, int bytes) {
    std::string text;
    for (int i = bytes - 1; i > 0; --i) {
        text.insert(text.begin(), static_cast<char>(0x80 | (point & 0x3f)));
        point >>= 6;
    }
    constexpr unsigned kLead[] = {0, 0, 0xc0, 0xe0, 0xf0, 0xf8};
    text.insert(text.begin(), static_cast<char>(kLead[bytes] | point));
    return text;
}

TEST(Utf8Check, TakesEveryCodePointInItsShortestForm) {
    for (std::uint32_t point = 0; point <= 0x110200; point += point < 0x11000 ? 1 : 61) {
        const bool exists = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
        const int shortest = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        for (int bytes = shortest; bytes <= 5; ++bytes) {
            ASSERT_EQ(whole(encoded(point, bytes)), exists && bytes == shortest)
                << std::hex << point << " in " << bytes;
        }
    }
}

TEST(Utf8Check, EveryTwoBytesByTheTable) {
    for (unsigned first = 0; first < 256; ++first) {
        for (unsigned second = 0; second < 256; ++second) {
            const std::string text = {static_cast<char>(first), static_cast<char>(second)};
            const bool ascii = first < 0x80 && second < 0x80;
            const bool pair = first >= 0xc2 && first <= 0xdf && second >= 0x80 && second <= 0xbf;
            ASSERT_EQ(whole(text), ascii || pair) << first << " " << second;
        }
    }
}

TEST(Utf8Check, TheSameInChunksOfAnySize) {
    const std::string padding = "0123456789abcdefghijklmnop";
    for (const std::string_view odd :
         {"\xc3\xa4"sv, "\xe2\x82\xac"sv, "\xf0\x9f\x98\x80"sv, "\xff"sv, "\xc3"sv, "\xa4"sv,
          "\xe2\x82"sv, "\xed\xa0\x80"sv, "\0"sv}) {
        for (std::size_t before = 0; before < 20; ++before) {
            const std::string text = padding.substr(0, before) + std::string(odd) + padding;
            const bool valid = whole(text);
            EXPECT_EQ(valid, odd != "\xff" && odd != "\xc3" && odd != "\xa4" && odd != "\xe2\x82" &&
                                 odd != "\xed\xa0\x80");
            for (std::size_t cut = 0; cut <= text.size(); ++cut) {
                Utf8Check check;
                check.look(std::string_view(text).substr(0, cut));
                check.look(std::string_view(text).substr(cut));
                ASSERT_EQ(check.complete(), valid) << text << " cut at " << cut;
            }
        }
    }
}

TEST(Utf8Check, TheMiddleOfACharacterIsNoEnd) {
    Utf8Check check;
    EXPECT_TRUE(check.complete()) << "nothing is valid";
    check.look("a\xe2\x82"sv);
    EXPECT_TRUE(check.valid());
    EXPECT_FALSE(check.complete());
    check.look("\xac"sv);
    EXPECT_TRUE(check.complete());
    check.look("\xe2("sv);
    EXPECT_FALSE(check.valid());
    check.look("all is lost"sv);
    EXPECT_FALSE(check.valid());
}

// ---- Declarations ------------------------------------------------------------------------------

using Cases = std::vector<std::pair<std::string_view, bool>>;

void expect_declared(Declaration where, const Cases& cases) {
    for (const auto& [text, other] : cases) {
        EXPECT_EQ(declares_other_charset(text, where), other) << text;
    }
}

TEST(DeclaredCharset, OfAMeta) {
    expect_declared(Declaration::html,
                    {
                        {"", false},
                        {"<!doctype html><p>caf\xe9", false},
                        {"<meta charset=iso-8859-1>", true},
                        {"<META CharSet='Windows-1252'>", true},
                        {"<meta charset=\" shift_jis \">", true},
                        {"<meta\n\tcharset\n =\n\"koi8-r\"\n>", true},
                        {"<meta/charset=latin1/>", true},
                        {"<meta name=x charset=big5 name=y>", true},
                        {"<!doctype html><html><head><title>a<b</title><meta charset=gbk>", true},
                        {"<meta charset=utf-8>", false},
                        {"<meta charset=UTF8>", false},
                        {"<meta charset=\"unicode-1-1-utf-8\">", false},
                        {"<meta charset=utf-16>", false},
                        {"<meta charset=utf-16be>", false},
                        {"<meta charset=x-user-defined>", true},
                        {"<meta charset=utf-7>", true},
                        // The first one that names something counts.
                        {"<meta charset=utf-8><meta charset=latin1>", false},
                        {"<meta charset=latin1><meta charset=utf-8>", true},
                        {"<meta charset><meta charset=''><meta charset=latin1>", true},
                        {"<meta charset=utf-8 charset=latin1>", false},
                        {"<meta charset=latin1 charset=utf-8>", true},
                        // What only looks like one.
                        {"<metacharset=latin1>", false},
                        {"<meta name=charset value=latin1>", false},
                        {"<meta data-charset=latin1>", false},
                        {"<!-- <meta charset=latin1> -->", false},
                        {"<!--><meta charset=latin1>", true},
                        {"<!---><meta charset=latin1>", true},
                        {"<!-- -- > <meta charset=latin1>", false},
                        {"<!-- --><meta charset=latin1>", true},
                        {"<p title='<meta charset=latin1>'>", false},
                        {"<p title=\"a>b\"><meta charset=latin1>", true},
                        {"<p title=a'b><meta charset=latin1>", true},
                        {"</p title='<meta charset=latin1>'>", false},
                        {"<! <meta charset=latin1>", false},
                        {"<? <meta charset=latin1>", false},
                        {"<?php x ?><meta charset=latin1>", true},
                        {"< meta charset=latin1>", false},
                        {"<1><meta charset=latin1>", true},
                        {"<<meta charset=latin1>", true},
                        // Cut off inside the tag.
                        {"<meta charset=latin1", false},
                        {"<meta charset='latin1>", false},
                        {"<meta charset=latin1 x='", false},
                        {"<meta", false},
                        {"<", false},
                    });
}

TEST(DeclaredCharset, OfAPragma) {
    expect_declared(
        Declaration::html,
        {
            {"<meta http-equiv=content-type content='text/html; charset=windows-1251'>", true},
            {"<meta content='text/html; charset=windows-1251' http-equiv=\"Content-Type\">", true},
            {"<meta http-equiv=content-type content=charset=latin1>", true},
            {"<meta http-equiv=content-type content='a; CHARSET = \"latin1\"'>", true},
            {"<meta http-equiv=content-type content=\"a; charset='latin1'; b\">", true},
            {"<meta http-equiv=content-type content='a; charset=latin1;utf-8'>", true},
            {"<meta http-equiv=content-type content='a; charset charset=latin1'>", true},
            {"<meta http-equiv=content-type content='text/html; charset=utf-8'>", false},
            {"<meta http-equiv=content-type content='text/html'>", false},
            {"<meta http-equiv=content-type content='charset'>", false},
            {"<meta http-equiv=content-type content='charset='>", false},
            {"<meta http-equiv=content-type content='a; charset=\"latin1'>", false},
            {"<meta http-equiv=refresh content='1; charset=latin1'>", false},
            {"<meta content='text/html; charset=latin1'>", false},
            {"<meta http-equiv=content-type content='charset=latin1' charset=utf-8>", false},
            {"<meta charset=utf-8 http-equiv=content-type content='charset=latin1'>", false},
            {"<meta http-equiv=x http-equiv=content-type content='charset=latin1'>", false},
        });
}

TEST(DeclaredCharset, OfAnXmlDeclaration) {
    const Cases cases = {
        {"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><r/>", true},
        {"<?xml version='1.0' encoding='windows-1251' standalone='yes'?>", true},
        {"<?xml version='1.0'\n encoding\n=\n'koi8-r'?>", true},
        {"<?xml version='1.0' encoding='UTF-8'?>", false},
        {"<?xml version='1.0' encoding='utf8'?>", false},
        {"<?xml version='1.0'?><r encoding='latin1'/>", false},
        {"<?xml version='1.0'?>", false},
        {" <?xml version='1.0' encoding='latin1'?>", false},
        {"<?XML version='1.0' encoding='latin1'?>", false},
        {"<?xml version='1.0' encoding=latin1?>", false},
        {"<?xml version='1.0' encoding='latin1?>", false},
        {"<?xml version='1.0' encoding", false},
        {"<?xml", false},
        {"<r>caf\xe9</r>", false},
    };
    expect_declared(Declaration::xml, cases);
    expect_declared(Declaration::html, cases);
    // ASCII text that declares UTF-16: an error in XML, ignored in HTML.
    EXPECT_TRUE(
        declares_other_charset("<?xml version='1.0' encoding='UTF-16'?>", Declaration::xml));
    EXPECT_FALSE(
        declares_other_charset("<?xml version='1.0' encoding='UTF-16'?>", Declaration::html));
    // In HTML a <meta> takes precedence over it.
    EXPECT_FALSE(declares_other_charset(
        "<?xml version='1.0' encoding='latin1'?><meta charset=utf-8>", Declaration::html));
    EXPECT_TRUE(declares_other_charset(
        "<?xml version='1.0' encoding='utf-8'?><meta charset=latin1>", Declaration::html));
}

TEST(DeclaredCharset, OfAStyleSheet) {
    expect_declared(Declaration::css, {
                                          {"@charset \"latin1\";", true},
                                          {"@charset \"utf-8\";", false},
                                          {"@charset \"UTF-16\";", false},
                                          {"@charset \"\";", false},
                                          {"@charset 'latin1';", false},
                                          {"@charset  \"latin1\";", false},
                                          {"@CHARSET \"latin1\";", false},
                                          {" @charset \"latin1\";", false},
                                          {"@charset \"latin1\" ;", false},
                                          {"@charset \"latin1", false},
                                          {"@charset \"latin1\"", false},
                                          {"a{}", false},
                                      });
}

TEST(DeclaredCharset, EachDocumentHasItsOwnWay) {
    constexpr std::string_view kMeta = "<meta charset=latin1>";
    constexpr std::string_view kXml = "<?xml version='1.0' encoding='latin1'?>";
    constexpr std::string_view kCss = "@charset \"latin1\";";
    for (const std::string_view text : {kMeta, kXml, kCss}) {
        EXPECT_FALSE(declares_other_charset(text, Declaration::none)) << text;
    }
    EXPECT_FALSE(declares_other_charset(kMeta, Declaration::xml));
    EXPECT_FALSE(declares_other_charset(kMeta, Declaration::css));
    EXPECT_FALSE(declares_other_charset(kCss, Declaration::html));
    EXPECT_FALSE(declares_other_charset(kXml, Declaration::css));
}

TEST(DeclaredCharset, OfAByteOrderMark) {
    for (const Declaration where :
         {Declaration::none, Declaration::html, Declaration::xml, Declaration::css}) {
        EXPECT_TRUE(declares_other_charset("\xff\xfex\0"sv, where));
        EXPECT_TRUE(declares_other_charset("\xfe\xff\0x"sv, where));
        EXPECT_TRUE(declares_other_charset("\xff\xfe\0\0x\0\0\0"sv, where));
        EXPECT_TRUE(declares_other_charset("\0\0\xfe\xff\0\0\0x"sv, where));
        EXPECT_TRUE(declares_other_charset("<\0?\0x\0m\0l\0"sv, where)) << "UTF-16 without a mark";
        EXPECT_TRUE(declares_other_charset("\0<\0?\0x\0m\0l"sv, where));
        EXPECT_FALSE(declares_other_charset("\xef\xbb\xbf"sv, where));
    }
    EXPECT_FALSE(declares_other_charset("\xef\xbb\xbf<meta charset=latin1>", Declaration::html))
        << "the mark outranks it";
    EXPECT_FALSE(declares_other_charset("\xef\xbb\xbf<?xml version='1.0' encoding='latin1'?>",
                                        Declaration::xml));
}

TEST(DeclaredCharset, WithinTheFirst1024Bytes) {
    const std::string meta = "<meta charset=latin1>";
    const std::string spaces(kDeclarationBytes - meta.size(), ' ');
    EXPECT_TRUE(declares_other_charset(spaces + meta + "<p>", Declaration::html));
    EXPECT_FALSE(declares_other_charset(spaces + " " + meta + "<p>", Declaration::html));
}

// ---- Text or not -------------------------------------------------------------------------------

TEST(LooksLikeText, ByTheBinaryDataBytes) {
    for (unsigned byte = 0; byte < 256; ++byte) {
        const bool binary = byte <= 0x08 || byte == 0x0b || (byte >= 0x0e && byte <= 0x1a) ||
                            (byte >= 0x1c && byte <= 0x1f);
        EXPECT_EQ(looks_like_text("text" + std::string(1, static_cast<char>(byte))), !binary)
            << byte;
    }
    EXPECT_TRUE(looks_like_text(""));
    EXPECT_FALSE(
        looks_like_text("\x7f"
                        "ELF\x02\x01\x01\0"sv));
    EXPECT_TRUE(looks_like_text("\xff\xfex\0"sv)) << "UTF-16";
    EXPECT_TRUE(looks_like_text("\xfe\xff\0x"sv));
    EXPECT_TRUE(looks_like_text("\xef\xbb\xbf\x01"sv));
}

TEST(LooksLikeText, ByTheFirst1445Bytes) {
    const std::string text(kSniffBytes - 1, 'a');
    EXPECT_FALSE(looks_like_text(text + '\0'));
    EXPECT_TRUE(looks_like_text(text + 'a' + '\0'));
}

}  // namespace
}  // namespace sluice::http
