// Names that Windows interprets differently are refused before anything is opened.
#include <gtest/gtest.h>

#include "content/files.h"

namespace sluice::fs {

TEST(PlainName, OrdinaryNamesAreServed) {
    for (const char* name :
         {"index.html", "a", "a.b.c", "com.txt", "com10", "lpt", "console", "nul1", "auxiliary.txt",
          "\xe6\xbc\xa2\xe5\xad\x97.txt", "a~b", "backup~", "a b", ".well-known"}) {
        EXPECT_TRUE(servable_name(name)) << name;
    }
}

TEST(PlainName, DevicesWithAnyExtension) {
    for (const char* name :
         {"CON", "con", "PRN", "aux", "AUX.txt", "nul", "NUL.tar.gz", "nul .txt", "COM1", "com0",
          "Com9.log", "LPT3", "lpt1.html", "CONIN$", "conout$", "COM\xc2\xb9", "lpt\xc2\xb3.txt"}) {
        EXPECT_FALSE(servable_name(name)) << name;
    }
}

TEST(PlainName, StreamsSeparatorsAndWildcards) {
    for (const char* name : {"a:b", "index.html::$DATA", "C:", "a\\b", "..\\up", "a/b", "*", "a?",
                             "a<b", "a>b", "a|b", "a\"b"}) {
        EXPECT_FALSE(servable_name(name)) << name;
    }
}

TEST(PlainName, TrailingDotsAndSpaces) {
    for (const char* name : {"a.", "a..", "a ", "a. ", "index.html.", "index.html ", ""}) {
        EXPECT_FALSE(servable_name(name)) << name;
    }
}

TEST(PlainName, ShortNames) {
    for (const char* name : {"PROGRA~1", "secret~1.txt", "A~2", "HTACCE~1"}) {
        EXPECT_FALSE(servable_name(name)) << name;
    }
    EXPECT_TRUE(servable_name("a-long-name~1.txt"));  // too long for a short name
}

}  // namespace sluice::fs
