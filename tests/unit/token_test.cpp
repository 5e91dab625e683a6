#include "core/token.h"

#include <gtest/gtest.h>

namespace sluice {

TEST(Token, KeepsItsParts) {
    for (const Slot slot : {0U, 1U, 0x12345678U, 0xffffffffU}) {
        for (const Generation generation : {0U, 1U, 0xabcdefU, kGenerationMask}) {
            for (const OpKind kind :
                 {OpKind::none, OpKind::accept, OpKind::send, OpKind::close, OpKind::internal}) {
                const Token token(slot, generation, kind);
                EXPECT_EQ(token.slot(), slot);
                EXPECT_EQ(token.generation(), generation);
                EXPECT_EQ(token.kind(), kind);
                EXPECT_EQ(Token(token.value), token);
            }
        }
    }
}

TEST(Token, AGenerationTooLargeTouchesNothingElse) {
    const Token token(7, kGenerationMask + 3, OpKind::recv);
    EXPECT_EQ(token.slot(), 7U);
    EXPECT_EQ(token.generation(), 2U);
    EXPECT_EQ(token.kind(), OpKind::recv);
}

TEST(Token, WithAnotherKindNamesTheSameSocket) {
    const Token token = Token(9, 5, OpKind::recv).with(OpKind::close);
    EXPECT_EQ(token, Token(9, 5, OpKind::close));
    EXPECT_NE(token, Token(9, 6, OpKind::close));
    EXPECT_NE(token, Token(8, 5, OpKind::close));
}

}  // namespace sluice
