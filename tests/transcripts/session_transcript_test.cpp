// Every transcript through a session alone: at once, cut in two at every position, and byte by
// byte. The response bytes and the end must always be the same.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "http1/session.h"
#include "session_driver.h"
#include "site.h"
#include "transcript.h"

namespace sluice::transcripts {
namespace {

constexpr std::int64_t kWallSeconds = 1'790'000'000;

class Runner {
  public:
    Runner() {
        site_.store().attach(view_, [] {});
        SessionContext context;
        context.wall_seconds = kWallSeconds;
        (void)factory_.turn(context);
    }
    ~Runner() { site_.store().detach(view_); }

    // The response bytes, dates masked, and the end, as one text.
    std::string run(const Transcript& transcript, const std::vector<std::size_t>& cuts) {
        SessionDriver driver(factory_);
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
    const Limits limits_ = limits();
    Site site_;
    http::ContentView view_;
    http::Http1Factory factory_{limits_, view_, nullptr, 0};
};

class SessionTranscript : public ::testing::TestWithParam<Transcript> {
  protected:
    static void SetUpTestSuite() { runner_ = std::make_unique<Runner>(); }
    static void TearDownTestSuite() { runner_.reset(); }
    static std::unique_ptr<Runner> runner_;
};

std::unique_ptr<Runner> SessionTranscript::runner_;

TEST_P(SessionTranscript, SameForEveryCut) {
    const Transcript& transcript = GetParam();
    const std::string wanted = escape(transcript.response) + "= " + transcript.end;
    ASSERT_EQ(runner_->run(transcript, {}), wanted) << "at once";
    std::vector<std::size_t> every;
    for (std::size_t cut = 1; cut < transcript.request.size(); ++cut) {
        every.push_back(cut);
        ASSERT_EQ(runner_->run(transcript, {cut}), wanted) << "cut at " << cut;
    }
    EXPECT_EQ(runner_->run(transcript, every), wanted) << "byte by byte";
}

INSTANTIATE_TEST_SUITE_P(All, SessionTranscript, ::testing::ValuesIn(load_all(SLUICE_TRANSCRIPTS)),
                         [](const auto& of) { return test_name(of.param); });

}  // namespace
}  // namespace sluice::transcripts
