// listen, local, close_listener.
#include <filesystem>

#include "tests/conformance/fixture.h"

namespace sluice::conformance {

CONFORMANCE_SUITE(Listen);

// One byte there and back over a new connection: the listener works.
#define EXPECT_ECHO(id)                                                   \
    do {                                                                  \
        const auto echo_peer = connect(local(id));                        \
        const Slot echo_slot = driver().adopt(accepted(id));              \
        driver().recv_start(echo_slot);                                   \
        write(*echo_peer, "a");                                           \
        EXPECT_TRUE(pump([&] { return at(echo_slot).received == "a"; })); \
        driver().send(echo_slot, "b");                                    \
        EXPECT_EQ(read(*echo_peer, 1), "b");                              \
        close(echo_slot);                                                 \
    } while (false)

TEST_P(Listen, TheSystemChoosesThePort) {
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const ListenerId id = listen(loopback(family));
        const Endpoint bound = local(id);
        EXPECT_EQ(bound.family, family);
        EXPECT_EQ(bound.address, loopback(family).address);
        EXPECT_NE(bound.port, 0);
        driver().accept_start(id);
        EXPECT_ECHO(id);
    }
}

TEST_P(Listen, OnAUnixPath) {
    if (!rig().has_unix_paths()) {
        return;
    }
    const Endpoint endpoint = loopback(Family::unix_path);
    const ListenerId id = listen(endpoint);
    EXPECT_EQ(local(id), endpoint);
    driver().accept_start(id);
    EXPECT_ECHO(id);
}

TEST_P(Listen, UnixSocketsHaveTheModeThatWasAsked) {
    if (!real() || !rig().has_unix_paths()) {
        return;  // the simulator's paths are not in the file system
    }
    for (const std::uint32_t mode : {0600U, 0660U, 0666U}) {
        ListenOptions options;
        options.unix_mode = mode;
        const Endpoint endpoint = loopback(Family::unix_path);
        (void)listen(endpoint, options);
        const auto permissions = std::filesystem::status(endpoint.path).permissions();
        EXPECT_EQ(static_cast<std::uint32_t>(permissions) & 0777U, mode);
    }
}

TEST_P(Listen, AStaleUnixPathIsReplaced) {
    if (!rig().has_unix_paths()) {
        return;
    }
    const Endpoint endpoint = loopback(Family::unix_path);
    (void)listen(endpoint);
    destroy_backend();
    // Whether or not the backend has removed it: a path without a listener is free.
    restart(BackendLimits{});
    const ListenerId id = listen(endpoint);
    driver().accept_start(id);
    EXPECT_ECHO(id);
}

TEST_P(Listen, AUnixPathLeftByACrashIsReplaced) {
    if (!rig().has_unix_paths()) {
        return;
    }
    const Endpoint endpoint = loopback(Family::unix_path);
    rig().leave_stale_path(endpoint);
    const ListenerId id = listen(endpoint);
    driver().accept_start(id);
    EXPECT_ECHO(id);
}

TEST_P(Listen, ALiveUnixPathIsRefused) {
    if (!rig().has_unix_paths()) {
        return;
    }
    const Endpoint endpoint = loopback(Family::unix_path);
    const ListenerId id = listen(endpoint);
    const auto second = driver().listen(endpoint, {});
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().status, Status::address_in_use);
    EXPECT_FALSE(second.error().what.empty());
    driver().accept_start(id);
    EXPECT_ECHO(id);  // the first was not harmed
}

TEST_P(Listen, OneSocketServesSeveralBackends) {
    if (!real() || !rig().has_unix_paths()) {
        return;
    }
    ListenOptions options;
    options.share_port = true;
    const Endpoint endpoint = loopback(Family::unix_path);
    const ListenerId owned = listen(endpoint, options);
    Driver other(rig().make_backend(BackendLimits{}), BackendLimits{});
    options.inherit = backend().listening(owned);
    const auto inherited = other.listen(endpoint, options);
    ASSERT_TRUE(inherited.has_value()) << inherited.error().what;
    EXPECT_EQ(*other.backend().local(*inherited), endpoint);
    driver().accept_start(owned);
    other.accept_start(*inherited);

    // Each is the first to look every other time: it may take what both were told of.
    const auto count = [](Driver& one, ListenerId id) { return one.listener(id).accepted.size(); };
    std::vector<std::unique_ptr<Peer>> peers;
    for (std::size_t i = 0; i < 40; ++i) {
        peers.push_back(connect(endpoint));
        ASSERT_TRUE(pump([&] {
            (i % 2 == 0 ? driver() : other).poll(0);
            (i % 2 == 0 ? other : driver()).poll(0);
            return count(driver(), owned) + count(other, *inherited) == peers.size();
        }));
    }
    EXPECT_GE(count(driver(), owned), 10U);
    EXPECT_GE(count(other, *inherited), 10U);

    other.accept_stop(*inherited);
    EXPECT_TRUE(pump([&] {
        other.poll(0);
        return other.operations() == 0;
    }));
    for (const Socket socket : other.listener(*inherited).accepted) {
        other.backend().discard(socket);
    }
    auto& mine = driver().listener(owned).accepted;
    for (; !mine.empty(); mine.pop_front()) {
        backend().discard(mine.front());
    }
    other.close_listener(*inherited);
    EXPECT_TRUE(std::filesystem::exists(endpoint.path)) << "it is the owner's";
    EXPECT_ECHO(owned);
}

TEST_P(Listen, WhereNoSocketCanBeInheritedThatIsSaid) {
    ListenOptions options;
    options.inherit = backend().listening(listen(loopback()));
    if (options.inherit != kNoSocket) {
        return;
    }
    options.inherit = 3;
    const auto refused = driver().listen(loopback(), options);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().status, Status::not_supported);
}

TEST_P(Listen, AFileThatIsNoSocketIsNotReplaced) {
    if (!real() || !rig().has_unix_paths()) {
        return;
    }
    const Endpoint endpoint = loopback(Family::unix_path);
    FILE* file = fopen(endpoint.path.c_str(), "w");
    ASSERT_NE(file, nullptr);
    fclose(file);
    EXPECT_FALSE(driver().listen(endpoint, {}).has_value());
    EXPECT_TRUE(std::filesystem::exists(endpoint.path)) << "a user's file was removed";
    std::filesystem::remove(endpoint.path);
}

TEST_P(Listen, ATakenPortIsRefused) {
    const Endpoint taken = local(listen(loopback()));
    const auto second = driver().listen(taken, {});
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().status, Status::address_in_use);
    EXPECT_FALSE(second.error().what.empty());
}

TEST_P(Listen, ASharedPortTakesSeveralListeners) {
    ListenOptions options;
    options.share_port = true;
    const ListenerId first = listen(loopback(), options);
    const ListenerId second = listen(local(first), options);
    EXPECT_NE(first, second);
    EXPECT_EQ(local(first), local(second));
    driver().accept_start(first);
    driver().accept_start(second);
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 64; ++i) {
        peers.push_back(connect(local(first)));
    }
    const auto count = [this](ListenerId id) { return driver().listener(id).accepted.size(); };
    EXPECT_TRUE(pump([&] { return count(first) + count(second) == peers.size(); }));
    EXPECT_GT(count(first), 0U);
    EXPECT_GT(count(second), 0U);
}

TEST_P(Listen, ASharedPortRefusesAListenerThatDoesNotShare) {
    ListenOptions options;
    options.share_port = true;
    const Endpoint taken = local(listen(loopback(), options));
    const auto second = driver().listen(taken, {});
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().status, Status::address_in_use);
}

TEST_P(Listen, IPv6WildcardLeavesIPv4AloneUnlessAsked) {
    Endpoint wildcard = loopback(Family::ipv6);
    wildcard.address = {};
    ListenOptions options;
    options.v6_only = false;
    const ListenerId both = listen(wildcard, options);
    driver().accept_start(both);
    const auto over_v4 = connect(loopback(Family::ipv4, local(both).port));
    driver().adopt(accepted(both));

    options.v6_only = true;
    const ListenerId only = listen(wildcard, options);
    const Endpoint same_port = loopback(Family::ipv4, local(only).port);
    EXPECT_TRUE(driver().listen(same_port, {}).has_value());
}

TEST_P(Listen, ForeignAndMalformedAddressesAreRefused) {
    Endpoint foreign = loopback();
    foreign.address = {192, 0, 2, 1};  // TEST-NET-1 of RFC 5737: nobody's
    for (const Endpoint& endpoint : {foreign, Endpoint{}}) {
        const auto refused = driver().listen(endpoint, {});
        ASSERT_FALSE(refused.has_value());
        EXPECT_EQ(refused.error().status, Status::address_invalid);
    }
    Endpoint empty_path;
    empty_path.family = Family::unix_path;
    EXPECT_FALSE(driver().listen(empty_path, {}).has_value());
    if (!rig().has_unix_paths()) {
        return;
    }
    Endpoint long_path = loopback(Family::unix_path);
    long_path.path += std::string(200, 'x');
    for (const Endpoint& endpoint : {long_path, empty_path}) {
        const auto refused = driver().listen(endpoint, {});
        ASSERT_FALSE(refused.has_value());
        EXPECT_EQ(refused.error().status, Status::address_invalid);
    }
    Endpoint nowhere = loopback(Family::unix_path);
    nowhere.path = temporary_path("no-such-folder") + "/socket";
    const auto refused = driver().listen(nowhere, {});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().status, Status::not_found);
}

TEST_P(Listen, AClosedListenerFreesItsPlace) {
    Endpoint endpoint = loopback();
    for (int i = 0; i < 20; ++i) {
        const ListenerId id = listen(endpoint);
        endpoint = local(id);
        driver().accept_start(id);
        EXPECT_ECHO(id);
        driver().accept_stop(id);
        ASSERT_TRUE(pump([&] { return !driver().listener(id).accepting; }));
        driver().close_listener(id);
    }
}

TEST_P(Listen, ManyListenersUpToTheLimit) {
    std::vector<ListenerId> ids;
    for (std::uint32_t i = 0; i < driver().limits().listeners; ++i) {
        ids.push_back(listen(loopback()));
        driver().accept_start(ids.back());
    }
    const auto beyond = driver().listen(loopback(), {});
    EXPECT_FALSE(beyond.has_value());
    for (const ListenerId id : ids) {
        EXPECT_ECHO(id);
    }
}

}  // namespace sluice::conformance
