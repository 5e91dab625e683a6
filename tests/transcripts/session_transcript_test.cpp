// Every transcript through a session alone: at once, cut in two at every position, and byte by
// byte. The response bytes and the end must always be the same.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "http/content_store.h"
#include "http/http1_session.h"
#include "session_driver.h"
#include "transcript.h"

namespace sluice::transcripts {
namespace {

constexpr std::int64_t kWallSeconds = 1'790'000'000;

// The site, loaded once for all transcripts.
class Site {
  public:
    Site() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "sluice-transcripts-XXXXXX").string();
        root_ = ::mkdtemp(pattern.data());
        make_site(root_);
        http::ContentOptions options;
        options.root = root_;
        auto store = http::ContentStore::open(options);
        if (!store) {
            throw std::runtime_error(store.error().what);
        }
        store_ = std::move(*store);
        view_ = std::make_unique<http::ContentView>();
        store_->attach(*view_, [] {});
        factory_ = std::make_unique<http::Http1Factory>(limits_, *view_, nullptr, 0);
        SessionContext context;
        context.wall_seconds = kWallSeconds;
        (void)factory_->turn(context);
    }
    ~Site() {
        factory_.reset();
        store_->detach(*view_);
        view_.reset();
        store_.reset();
        std::filesystem::remove_all(root_);
    }

    // The response bytes, dates masked, and the end, as one text.
    std::string run(const Transcript& transcript, const std::vector<std::size_t>& cuts) {
        SessionDriver driver(*factory_);
        std::size_t from = 0;
        for (const std::size_t cut : cuts) {
            driver.receive(std::string_view(transcript.request).substr(from, cut - from));
            from = cut;
        }
        driver.receive(std::string_view(transcript.request).substr(from));
        if (transcript.eof) {
            driver.eof();
        }
        return escape(mask_dates(driver.sent())) + "= " + to_string(driver.state());
    }

  private:
    std::string root_;
    const Limits limits_ = limits();
    std::unique_ptr<http::ContentStore> store_;
    std::unique_ptr<http::ContentView> view_;
    std::unique_ptr<http::Http1Factory> factory_;
};

class SessionTranscript : public ::testing::TestWithParam<Transcript> {
  protected:
    static void SetUpTestSuite() { site_ = std::make_unique<Site>(); }
    static void TearDownTestSuite() { site_.reset(); }
    static std::unique_ptr<Site> site_;
};

std::unique_ptr<Site> SessionTranscript::site_;

TEST_P(SessionTranscript, SameForEveryCut) {
    const Transcript& transcript = GetParam();
    const std::string wanted = escape(transcript.response) + "= " + transcript.end;
    ASSERT_EQ(site_->run(transcript, {}), wanted) << "at once";
    std::vector<std::size_t> every;
    for (std::size_t cut = 1; cut < transcript.request.size(); ++cut) {
        every.push_back(cut);
        ASSERT_EQ(site_->run(transcript, {cut}), wanted) << "cut at " << cut;
    }
    EXPECT_EQ(site_->run(transcript, every), wanted) << "byte by byte";
}

INSTANTIATE_TEST_SUITE_P(All, SessionTranscript, ::testing::ValuesIn(load_all(SLUICE_TRANSCRIPTS)),
                         [](const auto& of) { return test_name(of.param); });

}  // namespace
}  // namespace sluice::transcripts
