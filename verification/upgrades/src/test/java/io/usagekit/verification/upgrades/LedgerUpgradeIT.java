package io.usagekit.verification.upgrades;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.verification.upgrades.Release.Ids;
import io.usagekit.verification.upgrades.Release.Tables;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Events that one version records are found, paged, searched and exported by the other one. */
class LedgerUpgradeIT {

    private static final String ORGANISATION = "org-123";
    private static final String PROJECT = Schema.projectOf(ORGANISATION);
    private static final Instant START = Instant.parse("2026-03-01T00:00:00Z");
    private static final int EVENTS = 25;

    static Stream<Arguments> bothDirections() {
        return Stream.of(
                Arguments.of(Baseline.previous(), Baseline.present()),
                Arguments.of(Baseline.present(), Baseline.previous()));
    }

    private static List<Tables> tables(Release... releases) {
        Schema schema = Schema.empty("upgrade_ledger");
        List<Tables> all = Stream.of(releases)
                .map(release -> release.tables(Servers.dataSource(), schema.name()))
                .toList();
        all.get(0).install();
        if (!releases[0].name().equals(Baseline.present().name())) {
            all.get(1).install(); // before the first process of this version serves
        }
        Servers.sql("insert into %s.projects (id, organisation_id) values ('%s', '%s')"
                .formatted(schema.name(), PROJECT, ORGANISATION));
        return all;
    }

    /** Records by both versions in turn. */
    private static void record(List<Tables> all) {
        for (int i = 0; i < EVENTS; i++) {
            all.get(i % all.size())
                    .recordsDuplicate(PROJECT, id(i), "word" + i % 2, "key-" + i, START.plusSeconds(i / 3));
        }
    }

    private static String id(int number) {
        return String.format("event-%02d", number);
    }

    private static List<String> ids() {
        return IntStream.range(0, EVENTS).mapToObj(LedgerUpgradeIT::id).toList();
    }

    @Tag("thorough")
    @ParameterizedTest
    @MethodSource("bothDirections")
    void aCursorOfOneVersionContinuesInTheOther(Release one, Release other) {
        List<Tables> all = tables(one, other);
        record(all);

        List<String> forward = new ArrayList<>();
        Ids page = all.get(0).page(PROJECT, Optional.empty(), 4);
        forward.addAll(page.ids());
        for (int i = 1; page.next().isPresent(); i++) {
            page = all.get(i % 2).page(PROJECT, page.next(), 4);
            forward.addAll(page.ids());
        }
        assertThat(forward).isEqualTo(ids());

        List<String> backward = new ArrayList<>(page.ids());
        for (int i = 0; page.previous().isPresent(); i++) {
            page = all.get(i % 2).page(PROJECT, page.previous(), 4);
            backward.addAll(0, page.ids());
        }
        assertThat(backward).isEqualTo(ids());
    }

    @ParameterizedTest
    @MethodSource("bothDirections")
    void anIdempotencyKeyOfOneVersionIsKnownToTheOther(Release one, Release other) {
        List<Tables> all = tables(one, other);

        assertThat(all.get(0).recordsDuplicate(PROJECT, "first", "text", "key", START))
                .isFalse();
        assertThat(all.get(1).recordsDuplicate(PROJECT, "second", "text", "key", START))
                .isTrue();
        assertThat(all.get(1).recordsDuplicate(PROJECT, "third", "text", "another key", START))
                .isFalse();
    }

    @Tag("thorough")
    @ParameterizedTest
    @MethodSource("bothDirections")
    void textsAreFoundByBothVersionsAndExportsAreTheSame(Release one, Release other) {
        List<Tables> all = tables(one, other);
        record(all);
        if (!other.name().equals(Baseline.present().name())) {
            // Roll-ups are installed last.
            assertThatThrownBy(() -> all.get(1).install())
                    .hasMessageContaining("are of version 4, made by a newer library; this one knows versions up to 2");
        }
        all.get(0).tokenise(PROJECT);

        for (Tables tables : all) {
            assertThat(tables.search(PROJECT, "word1"))
                    .isEqualTo(IntStream.range(0, EVENTS)
                            .filter(i -> i % 2 == 1)
                            .mapToObj(LedgerUpgradeIT::id)
                            .toList());
        }
        assertThat(export(all.get(0))).hasLineCount(EVENTS).isEqualTo(export(all.get(1)));
    }

    @Test
    void endpointsOfBothVersionsAreFoundByBoth() {
        List<Tables> all = tables(Baseline.previous(), Baseline.present());
        Tables previous = all.get(0);
        Tables present = all.get(1);
        previous.recordsDuplicate(PROJECT, id(0), "text", "key", START);
        present.install();
        previous.recordsDuplicate(PROJECT, id(1), "text", "another", START);
        present.recordsDuplicate(PROJECT, id(2), "text", "a third", START);

        for (Tables tables : all) {
            assertThat(tables.deliveredTo(PROJECT, "endpoint")).containsExactly(id(0), id(1), id(2));
            assertThat(tables.deliveredTo(PROJECT, "another")).isEmpty();
        }
    }

    @Test
    void anIdOfOneVersionIsTakenForBothInPartitions() {
        List<Tables> all = tables(Baseline.previous(), Baseline.present());
        Tables previous = all.get(0);
        Tables present = all.get(1);
        previous.recordsDuplicate(PROJECT, id(0), "text", "", START);
        previous.partition();
        previous.recordsDuplicate(PROJECT, id(1), "text", "", START);
        present.recordsDuplicate(PROJECT, id(2), "text", "", START);
        present.install();
        previous.recordsDuplicate(PROJECT, id(3), "text", "", START);
        present.recordsDuplicate(PROJECT, id(4), "text", "", START);

        Instant later = START.plus(Duration.ofDays(45));
        for (Tables tables : all) {
            for (String id : ids().subList(0, 5)) {
                assertThatThrownBy(() -> tables.recordsDuplicate(PROJECT, id, "text", "", later))
                        .as(id)
                        .hasStackTraceContaining("the id \"" + id + "\" is taken");
            }
        }
        assertThat(present.page(PROJECT, Optional.empty(), EVENTS).ids()).isEqualTo(ids().subList(0, 5));
    }

    private static String export(Tables tables) {
        ByteArrayOutputStream sink = new ByteArrayOutputStream();
        tables.export(PROJECT, START.plusSeconds(3600), sink);
        return sink.toString(StandardCharsets.UTF_8);
    }
}
