package io.usagekit.page;

import static io.usagekit.page.PageFixture.rows;
import static io.usagekit.page.PageFixture.text;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.MissPolicy;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.util.List;
import org.jsoup.nodes.Document;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What the page shows while figures are computed or old, and while the database is away. */
class PageFreshnessTest {

    private PageFixture fixture = PageFixture.create();

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void aPendingPageResolves() {
        fixture.close();
        fixture = PageFixture.pending();
        fixture.loadMarch();
        fixture.database.stall();

        Document before = fixture.march();
        fixture.database.comeBack();
        fixture.usage.with(MissPolicy.await()).get("org-1", UsagePeriod.parse("2026-03")); // joins the load
        Document after = fixture.march();

        assertThat(text(before, "#freshness")).startsWith("The figures are being computed.");
        assertThat(before.select("#received-volume, #projects, #days")).isEmpty();
        assertThat(before.select("main").attr("data-poll")).isEqualTo("1000");
        assertThat(before.select("noscript").html()).contains("http-equiv=\"refresh\"");
        assertThat(text(after, "#received-volume")).isEqualTo("3");
        assertThat(after.select("main").attr("data-poll")).isEqualTo("0");
        assertThat(after.select("noscript")).isEmpty();
        assertThat(after.select("main").attr("data-version"))
                .isNotEqualTo(before.select("main").attr("data-version"));
    }

    @Test
    void aFigureThatIsRefreshedSaysSo() {
        fixture.loadMarch();
        fixture.march();
        fixture.clock.advance(Duration.ofMinutes(12));
        fixture.database.stall();

        Document page = fixture.march();

        assertThat(text(page, "#freshness")).startsWith("Computed 12 minutes ago; a newer figure is being computed.");
        assertThat(text(page, "#received-volume")).isEqualTo("3");
        assertThat(page.select("main").attr("data-poll")).isEqualTo("1000");
    }

    @Test
    void withTheDatabaseAwayTheOldFiguresStayWithTheirDetails() {
        fixture.loadMarch();
        List<String> before = rows(fixture.march(), "projects");
        fixture.clock.advance(Duration.ofHours(2));
        fixture.database.goDown();
        fixture.takeDetailsDown();

        Document page = fixture.march();

        assertThat(text(page, "#freshness"))
                .startsWith("Computed 2 hours ago. Newer figures can't be computed at present;")
                .contains("17 March 2026, 12:00 (UTC)");
        assertThat(rows(page, "projects")).isEqualTo(before).contains("Total | 3 | 1.0 MB | 1 | 2.0 kB");
        assertThat(page.select("#days tr")).hasSize(18);
    }

    @Test
    void withTheDatabaseAwayItIsntAskedForDetails() {
        fixture.loadMarch();
        fixture.compute();
        fixture.clock.advance(Duration.ofHours(2));
        fixture.database.goDown();

        Document page = fixture.march();

        assertThat(text(page, ".note")).startsWith("Days and projects can't be shown at present;");
        assertThat(fixture.detailCalls()).isZero();
    }

    @Test
    void detailsAreComputedOncePerFigure() {
        fixture.loadMarch();

        fixture.march();
        fixture.march();
        fixture.get("/statement.csv?period=2026-03");

        assertThat(fixture.detailCalls()).isEqualTo(1);
    }

    @Test
    void withoutDetailsTheTotalsStay() {
        fixture.loadMarch();
        fixture.takeDetailsDown();

        Document page = fixture.march();

        assertThat(text(page, "#received-volume")).isEqualTo("3");
        assertThat(text(page, ".note")).startsWith("Days and projects can't be shown at present;");
        assertThat(page.select("#projects, #days")).isEmpty();
        UsagePageResponse csv = fixture.get("/statement.csv?period=2026-03");
        assertThat(csv.status()).isEqualTo(503);
    }

    @Test
    void withoutAnyFigureThePageSaysWhyAndNotMore() {
        fixture.loadMarch();
        fixture.database.goDown();

        UsagePageResponse response = fixture.get("?period=2026-03");
        Document page = PageFixture.html(response);

        assertThat(response.status()).isEqualTo(503);
        assertThat(response.headers()).containsEntry("Retry-After", "15").containsEntry("Cache-Control", "no-store");
        assertThat(text(page, "#freshness")).isEqualTo("The usage can't be computed at present; try again later.");
        assertThat(page.text()).doesNotContain("goDown").contains("Not known");
        assertThat(page.select("#again").attr("href")).isEqualTo("/usage/org-1?period=2026-03&zone=UTC");
        assertThat(page.select("#received-volume")).isEmpty();
    }

    @Test
    void detailsStayThoseOfTheFigureUntilItIsComputedAgain() {
        fixture.loadMarch();
        List<String> before = rows(fixture.march(), "projects");
        fixture.received("p-1", "2026-03-17T11:30:00Z", 300);
        fixture.clock.advance(Duration.ofMinutes(3));

        Document page = fixture.march();

        assertThat(text(page, "#freshness")).startsWith("Computed 3 minutes ago.");
        assertThat(rows(page, "projects")).isEqualTo(before);
        fixture.clock.advance(Duration.ofMinutes(1));
        fixture.compute();
        assertThat(rows(fixture.march(), "projects")).contains("Total | 4 | 1.0 MB | 1 | 2.0 kB");
    }
}
