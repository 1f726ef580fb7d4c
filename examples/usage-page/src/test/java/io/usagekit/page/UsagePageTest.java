package io.usagekit.page;

import static io.usagekit.page.PageFixture.rows;
import static io.usagekit.page.PageFixture.text;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jsoup.nodes.Attribute;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.Element;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What the page says of figures, rows, projects and addresses. */
class UsagePageTest {

    private PageFixture fixture = PageFixture.create();

    @AfterEach
    void close() {
        fixture.close();
    }

    private PageFixture with(PageFixture other) {
        fixture.close();
        fixture = other;
        return other;
    }

    @Test
    void showsTotalsBesideThoseOfThePreviousMonth() {
        fixture.loadMarch();

        Document page = fixture.march();

        assertThat(text(page, "h1")).isEqualTo("org-1");
        assertThat(text(page, "h2")).isEqualTo("March 2026 so far");
        assertThat(text(page, "#received-volume")).isEqualTo("3");
        assertThat(text(page, "#received-bytes")).isEqualTo("1,002,000");
        assertThat(text(page, "#received-size")).isEqualTo("1.0 MB");
        assertThat(text(page, "#sent-volume")).isEqualTo("1");
        assertThat(text(page, ".card.received .before")).isEqualTo("February 2026: 1 event, 7 B");
        assertThat(text(page, ".card.sent .before")).isEqualTo("February 2026: 0 deliveries, 0 B");
    }

    @Test
    void comparesWholeMonthsInPerCent() {
        fixture.loadMarch();
        fixture.clock.advance(Duration.ofDays(30));

        Document page = fixture.march();

        assertThat(text(page, "h2")).isEqualTo("March 2026");
        assertThat(text(page, ".card.received .before")).isEqualTo("February 2026: 1 event, 7 B (+200 %)");
        assertThat(page.select("#next").attr("href")).isEqualTo("/usage/org-1?period=2026-04&zone=UTC");
    }

    @Test
    void rowsOfProjectsAddUpToTheTotal() {
        fixture.loadMarch();

        assertThat(rows(fixture.march(), "projects"))
                .containsExactly(
                        "Project | Received | Size | Sent | Size",
                        "p-2 | 1 | 1.0 MB | 0 | 0 B",
                        "Orders p-1 | 2 | 2.0 kB | 1 | 2.0 kB",
                        "Total | 3 | 1.0 MB | 1 | 2.0 kB");
    }

    @Test
    void aRowMakesUpForWhatArrivedAfterTheFigureWasComputed() {
        fixture.loadMarch();
        fixture.compute();
        fixture.received("p-1", "2026-03-17T11:30:00Z", 300);

        assertThat(rows(fixture.march(), "projects"))
                .containsExactly(
                        "Project | Received | Size | Sent | Size",
                        "p-2 | 1 | 1.0 MB | 0 | 0 B",
                        "Orders p-1 | 3 | 2.3 kB | 1 | 2.0 kB",
                        "Changes since the figure was computed | \u22121 | \u2212300 B | 0 | 0 B",
                        "Total | 3 | 1.0 MB | 1 | 2.0 kB");
    }

    @Test
    void daysAreThoseOfTheZoneAndEndToday() {
        fixture.loadMarch();

        List<String> utc = rows(fixture.march(), "days");
        List<String> kolkata = rows(PageFixture.html(fixture.get("?period=2026-03&zone=Asia%2FKolkata")), "days");

        assertThat(utc)
                .hasSize(18)
                .startsWith("Day | Received | Size | Sent | Size", "Sun 1 Mar | 1 | 1.5 kB | 0 | 0 B")
                .endsWith("Mon 16 Mar | 1 | 1.0 MB | 0 | 0 B", "Tue 17 Mar | 1 | 500 B | 1 | 2.0 kB");
        assertThat(kolkata)
                .startsWith("Day | Received | Size | Sent | Size", "Sun 1 Mar | 2 | 1.5 kB | 0 | 0 B")
                .endsWith("Mon 16 Mar | 0 | 0 B | 0 | 0 B", "Tue 17 Mar | 2 | 1.0 MB | 1 | 2.0 kB");
    }

    @Test
    void todayIsTheDayOfTheZone() {
        fixture.loadMarch();

        Document apia = PageFixture.html(fixture.get("?period=2026-03&zone=Pacific%2FApia"));

        assertThat(text(fixture.march(), ".today")).contains("Received 1 500 B", "Sent 1 2.0 kB", "17 March 2026.");
        assertThat(text(apia, ".today")).contains("Received 0 0 B", "Sent 1 2.0 kB", "18 March 2026.");
    }

    @Test
    void deletedProjectsHaveARowWhereTheyCount() {
        PageFixture counting = with(PageFixture.countingDeletedProjects());
        counting.loadMarch();
        counting.deletedProject("p-2", "Old");

        Document page = counting.march();

        assertThat(rows(page, "projects")).contains("Old deleted p-2 | 1 | 1.0 MB | 0 | 0 B");
        assertThat(text(page, ".note")).isEqualTo("What deleted projects used is part of the figures.");
    }

    @Test
    void aNoteSaysThatDeletedProjectsDontCount() {
        fixture.loadMarch();
        fixture.deletedProject("p-9", "Old");

        Document page = fixture.march();

        assertThat(text(page, ".note"))
                .isEqualTo("1 deleted project of this organisation doesn't count and has no row.");
        assertThat(rows(page, "projects")).noneMatch(row -> row.contains("Old"));
    }

    @Test
    void nothingUsedIsAZero() {
        Document page = fixture.march();

        assertThat(text(page, "#received-volume")).isEqualTo("0");
        assertThat(text(page, "#sent-size")).isEqualTo("0 B");
        assertThat(text(page, ".empty")).isEqualTo("Nothing was received or sent in March 2026.");
    }

    @Test
    void hugeNumbersAreExact() {
        fixture.received("p", Instant.parse("2026-03-02T00:00:00Z"), Long.MAX_VALUE, Long.MAX_VALUE);

        Document page = fixture.march();

        assertThat(text(page, "#received-volume")).isEqualTo("9,223,372,036,854,775,807");
        assertThat(text(page, "#received-bytes")).isEqualTo("9,223,372,036,854,775,807");
        assertThat(text(page, "#received-size")).isEqualTo("9.2 EB");
        assertThat(rows(page, "projects")).contains("Total | 9,223,372,036,854,775,807 | 9.2 EB | 0 | 0 B");
    }

    @Test
    void namesAreTextWhateverTheyHold() {
        String name = "<script>alert(1)</script>\"'&\u202e\u05d0\u05d1";
        fixture.project("p-1", name).received("p-1", "2026-03-02T00:00:00Z", 1);

        UsagePageResponse response = fixture.get("?period=2026-03");
        Document page = PageFixture.html(response);

        assertThat(page.select("#projects bdi.name").stream().map(Element::wholeText))
                .containsExactly(name);
        assertThat(page.select("script")).hasSize(1);
        Document other = PageFixture.html(fixture.at("/usage/%22%3E%3Cimg%20src=x%3E?period=2026-03"));
        assertThat(text(other, "h1")).isEqualTo("\"><img src=x>");
        assertThat(other.select("img")).isEmpty();
        assertThat(other.select("form").attr("action")).isEqualTo("/usage/%22%3E%3Cimg%20src%3Dx%3E");
    }

    @Test
    void nothingIsInlineAndAllComesFromItsOwnHost() {
        fixture.loadMarch();

        UsagePageResponse response = fixture.get("?period=2026-03");
        Document page = PageFixture.html(response);

        assertThat(response.headers().get("Content-Security-Policy"))
                .startsWith("default-src 'none'; script-src 'self'; style-src 'self';")
                .doesNotContain("unsafe");
        assertThat(page.select("[style], style, script:not([src])")).isEmpty();
        assertThat(page.getAllElements().stream()
                        .flatMap(element -> element.attributes().asList().stream())
                        .map(Attribute::getKey))
                .noneMatch(name -> name.startsWith("on"));
        assertThat(page.select("[src], link[href]")).hasSizeGreaterThan(3).allSatisfy(element -> {
            String address = element.hasAttr("src") ? element.attr("src") : element.attr("href");
            assertThat(fixture.at(address).status()).as(address).isEqualTo(200);
        });
    }

    @Test
    void everyLinkOfThePageLeadsSomewhere() {
        fixture.loadMarch();

        Document page = fixture.march();

        assertThat(page.select("a[href]")).hasSizeGreaterThan(5).allSatisfy(link -> {
            String address = link.attr("href");
            if (!address.startsWith("#")) {
                try (UsagePageResponse.Body body = fixture.at(address).body()) {
                    assertThat(fixture.at(address).status()).as(address).isEqualTo(200);
                    assertThat(body.length()).isPositive();
                }
            }
        });
    }

    @Test
    void theChosenPeriodAndZoneAreSelected() {
        Document cycle = PageFixture.html(fixture.get("?period=2026-01-31%2F2026-02-28&zone=Europe/Berlin"));
        Document offset = PageFixture.html(fixture.get("?period=2026-03&zone=%2B05:30"));

        assertThat(text(cycle, "h2")).isEqualTo("31 January 2026 to 27 February 2026");
        assertThat(cycle.select("#period option[selected]").eachText())
                .containsExactly("31 January 2026 to 27 February 2026");
        assertThat(cycle.select("#zone option[selected]").eachAttr("value")).containsExactly("Europe/Berlin");
        assertThat(offset.select("#zone option[selected]").eachAttr("value")).containsExactly("+05:30");
        assertThat(offset.select("#period option[selected]").eachAttr("value")).containsExactly("2026-03");
    }

    @Test
    void wrongAddressesAreExplained() {
        assertRefused("?period=2026-13", 400, "2026-13");
        assertRefused("?zone=Mars/Base", 400, "zone must be one of the tz database");
        assertRefused("/events?day=yesterday", 400, "day must be a date like 2026-03-17, but was 'yesterday'");
        assertRefused("/events", 400, "day is missing");
        assertRefused("/events?day=2026-03-17&side=both", 400, "side must be received or sent, but was 'both'");
        assertRefused("/nothing", 404, "There is no such page");
        assertThat(fixture.at("/usage/assets/other.js").status()).isEqualTo(404);
    }

    private void assertRefused(String address, int status, String message) {
        UsagePageResponse response = fixture.get(address);
        assertThat(response.status()).as(address).isEqualTo(status);
        assertThat(text(PageFixture.html(response), "main")).contains(message);
    }

    @Test
    void listsTheEventsOfADayPageByPage() {
        for (int i = 0; i < 120; i++) {
            fixture.received("p-1", Instant.parse("2026-03-17T00:00:00Z").plusSeconds(i), 1, i);
        }
        fixture.project("p-1", "Orders").sent("p-1", "2026-03-17T05:00:00Z", 5);

        Document first = PageFixture.html(fixture.get("/events?day=2026-03-17&side=received"));
        Document second = PageFixture.html(fixture.at(first.select("#next").attr("href")));
        Document third = PageFixture.html(fixture.at(second.select("#next").attr("href")));
        Document sent = PageFixture.html(fixture.get("/events?day=2026-03-17&side=sent"));

        assertThat(first.select("#rows tbody tr").size()
                        + second.select("#rows tbody tr").size()
                        + third.select("#rows tbody tr").size())
                .isEqualTo(120);
        assertThat(rows(first, "rows").get(2)).isEqualTo("00:00:01.000000 | event-2026-03-17T00:00:01Z | Orders | 1");
        assertThat(first.select("#previous")).isEmpty();
        assertThat(third.select("#next")).isEmpty();
        assertThat(third.select("#previous").attr("href")).contains("cursor=50");
        assertThat(rows(sent, "rows").get(1))
                .isEqualTo("05:00:00.000000 | delivery-2026-03-17T05:00:00Z | Orders | not known");
        assertThat(sent.select("[aria-current]").eachText()).containsExactly("Deliveries sent");
        assertThat(text(PageFixture.html(fixture.get("/events?day=2026-03-16")), ".empty"))
                .isEqualTo("There is nothing of this day.");
    }

    @Test
    void exportsTheStatement() {
        fixture.loadMarch();
        fixture.project("p-1", "=1+2, \"Orders\"");

        UsagePageResponse response = fixture.get("/statement.csv?period=2026-03&zone=Europe/Berlin");

        assertThat(response.headers())
                .containsEntry("Content-Type", "text/csv; charset=utf-8")
                .containsEntry("Content-Disposition", "attachment; filename=\"usage-org-1-2026-03.csv\"");
        assertThat(PageFixture.text(response))
                .isEqualTo("organisation_id,period,zone,computed_at,project_id,project_name,deleted,"
                        + "received_volume,received_bytes,sent_volume,sent_bytes\r\n"
                        + "org-1,2026-03,Europe/Berlin,2026-03-17T12:00:00Z,p-2,,false,1,1000000,0,0\r\n"
                        + "org-1,2026-03,Europe/Berlin,2026-03-17T12:00:00Z,p-1,\"'=1+2, \"\"Orders\"\"\",false,3,2007,1,2000\r\n"
                        + "org-1,2026-03,Europe/Berlin,2026-03-17T12:00:00Z,,Total,,4,1002007,1,2000\r\n");
    }

    @Test
    void exportsTheEventsOfADay() {
        fixture.loadMarch();

        UsagePageResponse response = fixture.get("/events.csv?day=2026-03-17&side=received");

        assertThat(response.headers())
                .containsEntry("Content-Disposition", "attachment; filename=\"received-org-1-2026-03-17.csv\"");
        assertThat(PageFixture.text(response)).isEqualTo("2026-03-17T10:00:00Z,p-1\r\n");
        fixture.takeDetailsDown();
        assertThat(fixture.get("/events.csv?day=2026-03-17&side=received").status())
                .isEqualTo(503);
        assertThat(fixture.get("/events?day=2026-03-17&side=received").status()).isEqualTo(503);
    }

    @Test
    void saysHowManySizesArentKnown() {
        fixture.loadMarch();
        fixture.unmeasured(2);

        assertThat(text(fixture.march(), ".note"))
                .isEqualTo("The size of 2 rows isn't known any more: they are counted with 0 bytes.");
    }
}
