package io.usagekit.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.usagekit.MissPolicy;
import io.usagekit.UsagePeriod;
import io.usagekit.page.Browser.Window;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.openqa.selenium.Keys;

/** The page in Chromium, in each of its states: light and dark, on a desktop and on a phone; makes the screenshots. */
@Tag("thorough")
class BrowserIT {

    private static final AtomicReference<@Nullable PageFixture> FIXTURE = new AtomicReference<>();
    private static final List<AutoCloseable> CLOSED_AT_THE_END = new ArrayList<>();

    private static Browser browser;
    private static PageServer server;

    @BeforeAll
    static void start() {
        // Chromium isn't published to Maven Central: a machine without it skips these tests, and says so. .ci/run
        // installs it, so that no
        // change is merged without them.
        assumeTrue(Browser.isAvailable(), () -> Browser.announceSkipped(BrowserIT.class, Browser.MISSING));
        server = new PageServer(() -> Objects.requireNonNull(FIXTURE.get()).page);
        CLOSED_AT_THE_END.add(server);
        browser = Browser.start(BrowserIT.class);
        CLOSED_AT_THE_END.add(browser);
    }

    @AfterAll
    static void stop() throws Exception {
        for (AutoCloseable resource : CLOSED_AT_THE_END) {
            resource.close();
        }
    }

    @BeforeEach
    void begin() {
        browser.window(Window.DESKTOP).dark("light");
        browser.consoleErrors();
    }

    @AfterEach
    void end() {
        PageFixture fixture = FIXTURE.getAndSet(null);
        if (fixture != null) {
            fixture.close();
        }
    }

    private static PageFixture serve(PageFixture fixture) {
        FIXTURE.set(fixture);
        return fixture;
    }

    /** Two and a half months of a company with some projects: more on working days, a little more each week. */
    private static PageFixture business(PageFixture fixture) {
        fixture.project("prj_01HQ3", "Checkout")
                .project("prj_01HQ7", "Payments")
                .project("prj_01HRB", "Customer notifications")
                .project("prj_01HSA", "")
                .deletedProject("prj_01HAA", "Prototype");
        List<String> projects = List.of("prj_01HQ3", "prj_01HQ7", "prj_01HRB", "prj_01HSA");
        Instant first = Instant.parse("2026-02-01T06:00:00Z");
        for (int day = 0; day < 45; day++) {
            Instant at = first.plus(Duration.ofDays(day));
            boolean isWeekend = (day + 6) % 7 >= 5;
            for (int i = 0; i < projects.size(); i++) {
                long volume = (isWeekend ? 900 : 2_600 + day * 17L + (day * 7919L) % 700) / (i * 2L + 1);
                fixture.received(projects.get(i), at, volume, volume * (1_850 - i * 300L));
                fixture.sent(
                        projects.get(i), at.plusSeconds(60), volume * 9 / 10, volume * 9 / 10 * (1_850 - i * 300L));
            }
        }
        return fixture;
    }

    private static Browser march() {
        return browser.open(server.url("/usage/org-1?period=2026-03&zone=Europe/Berlin"));
    }

    private static void assertInOrder() {
        assertThat(browser.axeFindings()).isEmpty();
        assertThat(browser.consoleErrors()).isEmpty();
        assertThat(browser.scrollsSideways()).as("wider than the window").isFalse();
    }

    @Test
    void freshInLightAndDarkOnDesktopAndPhone() {
        PageFixture fixture = serve(business(PageFixture.create()));
        fixture.page.respond(
                new UsagePageRequest(Optional.of("org-1"), "", Map.of("period", "2026-03", "zone", "Europe/Berlin")));
        fixture.clock.advance(Duration.ofMinutes(3));

        march().untilText("#freshness", "Computed 3 minutes ago.");

        assertThat(browser.title()).isEqualTo("Usage of org-1 in March 2026");
        assertThat(browser.script("return document.querySelectorAll('figure.chart canvas').length"))
                .isEqualTo(2L);
        assertThat(browser.script("return getComputedStyle(document.querySelector('.card')).borderRadius"))
                .as("the style is loaded")
                .isEqualTo("12px");
        assertInOrder();
        browser.screenshot("light");
        browser.dark("dark");
        assertInOrder();
        browser.screenshot("dark");
        browser.window(Window.PHONE);
        march();
        assertInOrder();
        assertThat(browser.script("return [...document.querySelectorAll('#projects td')]"
                        + ".filter((cell) => cell.clientHeight > 40).map((cell) => cell.textContent).join()"))
                .as("numbers that take several lines")
                .isEqualTo("");
        browser.screenshot("phone-dark");
        browser.dark("light");
        assertInOrder();
        browser.screenshot("phone");
    }

    @Test
    void chartsDrawWhatTheTableSays() {
        serve(PageFixture.create())
                .received("p", Instant.parse("2026-03-02T12:00:00Z"), 500, 1_000)
                .sent("p", Instant.parse("2026-03-02T12:00:00Z"), 100, 4_000);

        march();

        assertThat(browser.script(INK.formatted("volume", "--received")))
                .as("columns of the chart of volumes in the colour of what was received")
                .isEqualTo(1L);
        assertThat(browser.script(INK.formatted("bytes", "--sent"))).isEqualTo(1L);
    }

    /** Counts the bars of one colour in a chart: runs of its columns of pixels. */
    private static final String INK = """
            const canvas = document.querySelector("[data-chart=%s] canvas");
            const probe = document.createElement("canvas").getContext("2d");
            probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("%s").trim();
            probe.fillRect(0, 0, 1, 1);
            const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data;
            const image = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            const inked = [];
            for (let x = 0; x < canvas.width; x++) {
                let pixels = 0;
                for (let y = 0; y < canvas.height; y++) {
                    const at = (y * canvas.width + x) * 4;
                    pixels += image[at] === red && image[at + 1] === green && image[at + 2] === blue ? 1 : 0;
                }
                inked.push(pixels > 5);
            }
            return inked.filter((ink, x) => ink && !inked[x - 1]).length;
            """;

    @Test
    void pendingResolvesByItself() {
        PageFixture fixture = serve(business(PageFixture.pending()));
        fixture.database.stall();
        march().untilText("#freshness", "The figures are being computed.");
        assertInOrder();
        browser.screenshot("pending");

        fixture.database.comeBack();

        browser.untilText("#received-volume", ",").untilText("#freshness", "Computed a moment ago.");
        assertThat(browser.script("return document.querySelectorAll('figure.chart canvas').length"))
                .isEqualTo(2L);
        assertThat(browser.consoleErrors()).isEmpty();
    }

    @Test
    void aRefreshedFigureReplacesTheOldOneAndLeavesWhatIsOpenAndFocused() {
        PageFixture fixture = serve(business(PageFixture.create()));
        march();
        fixture.clock.advance(Duration.ofMinutes(12));
        fixture.received("prj_01HQ3", Instant.parse("2026-03-17T11:00:00Z"), 1_000_000, 1);
        fixture.database.stall();
        march().untilText("#freshness", "Computed 12 minutes ago; a newer figure is being computed.");
        String before = browser.text("#received-volume");
        browser.find("#days-table summary").click();
        browser.script("document.getElementById('statement-csv').focus(); return true");
        assertInOrder();
        browser.screenshot("refreshing");

        fixture.database.comeBack();

        browser.untilText("#freshness", "Computed a moment ago.");
        assertThat(browser.text("#received-volume")).isNotEqualTo(before);
        assertThat(browser.find("#days-table").getDomAttribute("open")).isNotNull();
        assertThat(browser.focused().getDomAttribute("id")).isEqualTo("statement-csv");
        assertThat(browser.consoleErrors()).isEmpty();
    }

    @Test
    void staleSinceTheDatabaseIsAway() {
        PageFixture fixture = serve(business(PageFixture.create()));
        march();
        fixture.clock.advance(Duration.ofHours(2));
        fixture.database.goDown();
        fixture.takeDetailsDown();

        march().untilText("#freshness", "Newer figures can't be computed at present");

        assertThat(browser.text("#projects tfoot")).startsWith("Total");
        assertInOrder();
        browser.screenshot("stale");
        browser.dark("dark");
        assertInOrder();
    }

    @Test
    void anErrorWithoutAnyFigure() {
        serve(business(PageFixture.create())).database.goDown();

        march().untilText("#freshness", "The usage can't be computed at present; try again later.");

        assertThat(browser.axeFindings()).isEmpty();
        assertThat(browser.consoleErrors())
                .as("the status of the page itself, and nothing else")
                .allMatch(line -> line.contains("status of 503"));
        browser.screenshot("error");
        browser.dark("dark");
        assertThat(browser.axeFindings()).isEmpty();
    }

    @Test
    void nothingUsed() {
        serve(PageFixture.create());

        march().untilText(".empty", "Nothing was received or sent in March 2026.");

        assertInOrder();
        browser.screenshot("zero");
    }

    @Test
    void hugeNumbersAndNamesOfAnyLengthAndDirection() {
        serve(PageFixture.create())
                .project("p-1", "\u05de\u05e2\u05e8\u05db\u05ea \u05ea\u05e9\u05dc\u05d5\u05de\u05d9\u05dd (v2)")
                .project("p-2", "A".repeat(200))
                .project("p-3", "\u0646\u0638\u0627\u0645 \u0627\u0644\u0641\u0648\u0627\u062a\u064a\u0631")
                .project("p-4", "<b>not bold</b>")
                .received("p-1", Instant.parse("2026-03-02T00:00:00Z"), 4_611_686_018_427_387_904L, Long.MAX_VALUE / 2)
                .received("p-2", Instant.parse("2026-03-03T00:00:00Z"), 4_611_686_018_427_387_903L, Long.MAX_VALUE / 2)
                .received("p-3", Instant.parse("2026-03-04T00:00:00Z"), 0, 1)
                .sent("p-3", Instant.parse("2026-03-04T00:00:00Z"), 3, 1)
                .sent("p-4", Instant.parse("2026-03-04T00:00:00Z"), 3, 1);

        march();

        assertThat(browser.text("#received-volume")).isEqualTo("9,223,372,036,854,775,807");
        assertThat(browser.text("#projects")).contains("<b>not bold</b>");
        assertInOrder();
        browser.screenshot("huge");
        browser.window(Window.PHONE);
        march();
        assertInOrder();
        browser.screenshot("huge-phone");
    }

    @Test
    void theKeyboardReachesAllOfIt() {
        serve(business(PageFixture.create()));
        march();

        List<String> reached = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            browser.focused().sendKeys(Keys.TAB);
            reached.add(
                    String.valueOf(
                            browser.script(
                                    "return document.activeElement.id || document.activeElement.className || document.activeElement.tagName")));
        }

        assertThat(reached)
                .startsWith("skip", "period", "zone", "BUTTON", "previous")
                .contains("SUMMARY", "statement-csv");
        browser.find("#days-table summary").sendKeys(Keys.ENTER);
        browser.find("#days tbody tr:last-child a").sendKeys(Keys.ENTER);
        browser.untilText("h2", "17 March 2026");
        assertInOrder();
        browser.screenshot("events");
        browser.find("#back").sendKeys(Keys.ENTER);
        browser.untilText("h2", "March 2026");
    }

    @Test
    void thePickerShowsAnotherMonth() {
        serve(business(PageFixture.create()));
        march();

        browser.find("#period").sendKeys("February 2026");
        browser.find(".picker button").click();

        browser.untilText("h2", "February 2026");
        assertThat(browser.find("#zone").getDomProperty("value")).isEqualTo("Europe/Berlin");
        assertInOrder();
    }

    @Test
    void whatIsntAllowedIsRefused() {
        serve(PageFixture.create());

        browser.open(server.url("/usage/" + PageServer.CLOSED));

        assertThat(browser.text("h1")).isEqualTo("This isn't yours to see");
        assertThat(browser.axeFindings()).isEmpty();
    }

    /** Everything above would pass as well if the browser ran no script of a page; the script of a name isn't run, though. */
    @Test
    void theConsoleIsRead() {
        PageFixture fixture = serve(PageFixture.create());
        fixture.usage.with(MissPolicy.await()).get("org-1", UsagePeriod.parse("2026-03"));
        march();

        browser.script("const script = document.createElement('script'); script.textContent = 'document.title = 1';"
                + " document.body.append(script); return true");

        assertThat(browser.consoleErrors())
                .as("the policy refuses a script in line")
                .anyMatch(line -> line.contains("Content Security Policy"));
        assertThat(browser.title()).isEqualTo("Usage of org-1 in March 2026");
    }
}
