package io.usagekit.postgres.internal.paging;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.events.EventOrder;
import io.usagekit.events.spi.Scan;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A window is narrowed to its part after the page boundary, which only some versions of PostgreSQL need. */
class KeysetScanTest {

    private static final Instant BEGIN = Instant.parse("2026-01-01T00:00:00Z");
    private static final Instant PLACE = Instant.parse("2026-02-01T00:00:00.000007Z");
    private static final Instant END = Instant.parse("2026-03-01T00:00:00Z");

    private static Scan behind(EventOrder order, Instant createdAt) {
        return new Scan(order, Optional.of(new Scan.Position(createdAt, "event-1")), 20);
    }

    @Test
    void beginsAtTheBoundaryWhenAscending() {
        Scan scan = behind(EventOrder.ASCENDING, PLACE);
        assertThat(KeysetScan.from(BEGIN, scan)).isEqualTo(PLACE);
        assertThat(KeysetScan.before(END, scan)).isEqualTo(END);
    }

    @Test
    void endsAfterTheBoundarysMicrosecondWhenDescending() {
        Scan scan = behind(EventOrder.DESCENDING, PLACE);
        assertThat(KeysetScan.from(BEGIN, scan)).isEqualTo(BEGIN);
        assertThat(KeysetScan.before(END, scan)).isEqualTo(Instant.parse("2026-02-01T00:00:00.000008Z"));
    }

    @Test
    void keepsTheWindowWhenTheBoundaryIsOutside() {
        assertThat(KeysetScan.from(PLACE, behind(EventOrder.ASCENDING, BEGIN))).isEqualTo(PLACE);
        assertThat(KeysetScan.before(PLACE, behind(EventOrder.DESCENDING, END))).isEqualTo(PLACE);
    }

    @Test
    void keepsTheWindowWithoutABoundary() {
        for (EventOrder order : EventOrder.values()) {
            Scan scan = new Scan(order, Optional.empty(), 20);
            assertThat(KeysetScan.from(BEGIN, scan)).isEqualTo(BEGIN);
            assertThat(KeysetScan.before(END, scan)).isEqualTo(END);
        }
    }
}
