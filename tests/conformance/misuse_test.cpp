// A verb called against the rules is a programming error and CHECKs, on every backend.
#include "tests/conformance/fixture.h"

namespace sluice::conformance {

class Misuse : public Conformance {
  protected:
    void SetUp() override {
        testing::FLAGS_gtest_death_test_style = "fast";
        Conformance::SetUp();
    }
    Token token(Slot slot, OpKind kind) { return Token{slot, at(slot).generation, kind}; }
};

INSTANTIATE_TEST_SUITE_P(Backend, Misuse, testing::ValuesIn(configurations()), configuration_name);

constexpr const char* kCheck = "CHECK failed";

TEST_P(Misuse, UnknownSlots) {
    const Slot free = driver().free_slot();
    const Slot beyond = driver().limits().slots;
    for (const Slot slot : {free, beyond}) {
        EXPECT_DEATH(backend().recv_start(Token{slot, 1, OpKind::recv}), kCheck);
        EXPECT_DEATH(backend().recv_stop(slot), kCheck);
        EXPECT_DEATH(backend().send(Token{slot, 1, OpKind::send}, {}, SendUrgency::eager), kCheck);
        EXPECT_DEATH(backend().shutdown_send(slot), kCheck);
        EXPECT_DEATH(backend().close(Token{slot, 1, OpKind::close}), kCheck);
    }
}

TEST_P(Misuse, ASecondOperationOfAKind) {
    const Pair p = pair(Family::ipv4, {.small_window = true});
    driver().recv_start(p.slot);
    driver().send(p.slot, pattern(8'000'000));
    pump_for(kMillisecond);
    EXPECT_DEATH(backend().recv_start(token(p.slot, OpKind::recv)), kCheck);
    EXPECT_DEATH(backend().send(token(p.slot, OpKind::send), {}, SendUrgency::eager), kCheck);
    EXPECT_DEATH(
        backend().send_file(token(p.slot, OpKind::send), {}, FileRange{}, SendUrgency::eager),
        kCheck);
}

TEST_P(Misuse, AfterClose) {
    const Pair p = pair();
    driver().close(p.slot);
    EXPECT_DEATH(backend().recv_start(token(p.slot, OpKind::recv)), kCheck);
    EXPECT_DEATH(backend().send(token(p.slot, OpKind::send), {}, SendUrgency::eager), kCheck);
    EXPECT_DEATH(backend().close(token(p.slot, OpKind::close)), kCheck);
    EXPECT_TRUE(pump([&] { return at(p.slot).close_end.has_value(); }));
    EXPECT_DEATH(backend().close(token(p.slot, OpKind::close)), kCheck);
}

TEST_P(Misuse, AStaleGeneration) {
    const Pair p = pair();
    const Generation stale = at(p.slot).generation - 1;
    EXPECT_DEATH(backend().recv_start(Token{p.slot, stale, OpKind::recv}), kCheck);
    EXPECT_DEATH(backend().close(Token{p.slot, stale, OpKind::close}), kCheck);
}

TEST_P(Misuse, ABoundSlotIsNotBoundAgain) {
    const Pair p = pair();
    const auto other = connect(local(listener_of(Family::ipv4)));
    const Socket socket = accepted(listener_of(Family::ipv4));
    EXPECT_DEATH(backend().adopt(p.slot, 77, socket), kCheck);
    EXPECT_DEATH(backend().connect(Token{p.slot, 77, OpKind::connect}, loopback()), kCheck);
    backend().discard(socket);
}

TEST_P(Misuse, Buffers) {
    EXPECT_DEATH(backend().release(driver().limits().recv_buffers), kCheck);
    EXPECT_DEATH(backend().release(0), kCheck);  // not lent
}

TEST_P(Misuse, Listeners) {
    const ListenerId id = listen(loopback());
    driver().accept_start(id);
    EXPECT_DEATH(backend().accept_start(id, Token{id, 5, OpKind::accept}), kCheck);
    EXPECT_DEATH(backend().close_listener(id), kCheck);  // its stream has not ended
    EXPECT_DEATH(backend().accept_start(id + 1, Token{id + 1, 5, OpKind::accept}), kCheck);
    EXPECT_DEATH(backend().accept_start(driver().limits().listeners,
                                        Token{driver().limits().listeners, 5, OpKind::accept}),
                 kCheck);
}

TEST_P(Misuse, TooMuchAtOnce) {
    const Pair p = pair();
    const std::vector<Slice> slices(kSlicesMax + 1, Slice{"x", 1});
    EXPECT_DEATH(backend().send(token(p.slot, OpKind::send), slices, SendUrgency::eager), kCheck);
}

}  // namespace sluice::conformance
