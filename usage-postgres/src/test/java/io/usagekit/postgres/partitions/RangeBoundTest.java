package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RangeBoundTest {

    @Test
    void readsConstantsThatLookLikeBounds() {
        RangeBound bound = RangeBound.parse("FOR VALUES FROM ('it''s) TO (''', 7, '2026-03-01 00:00:00+00')"
                        + " TO ('it''s) TO (''', 7, '2026-03-02 00:00:00.5')")
                .orElseThrow();

        assertThat(bound.prefix()).contains(List.of("'it''s) TO ('''", "7"));
        assertThat(bound.lower()).contains(Instant.parse("2026-03-01T00:00:00Z"));
        assertThat(bound.upper()).contains(Instant.parse("2026-03-02T00:00:00.5Z"));
    }

    @Test
    void hasNoTimeWithoutBound() {
        RangeBound bound = RangeBound.parse("FOR VALUES FROM ('a', MINVALUE) TO ('b', 'infinity')")
                .orElseThrow();

        assertThat(bound.prefix()).isEmpty();
        assertThat(bound.lower()).isEmpty();
        assertThat(bound.upper()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "DEFAULT",
                "FOR VALUES IN ('p')",
                "FOR VALUES WITH (modulus 2, remainder 0)",
                "FOR VALUES FROM ('2026-03-01 00:00:00+00')",
                "FOR VALUES FROM ('a') TO ('b",
            })
    void othersAreNoRanges(String bound) {
        assertThat(RangeBound.parse(bound)).isEmpty();
    }
}
