package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.events.Event;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewEvent;
import io.usagekit.events.RecordingResult;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.testing.Database;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random recordings, deletions, retention and ends of the time for which ids are retained, each compared with a model in memory. */
class RetainedIdsOracleIT {

    private static final int CHANGES = Boolean.getBoolean("usagekit.thorough") ? 120 : 25;
    private static final int QUARTERS = 30 * 96;

    private final Model model = new Model();
    private RetainingLedger retaining;
    private EventRepository ledger;

    @BeforeEach
    void install() {
        retaining = RetainingLedger.install();
        ledger = retaining.ledger();
    }

    @AfterEach
    void drop() {
        retaining.drop();
    }

    /** What the ledger should have: events by id, and what retention has left of others. */
    private static final class Model {

        record Row(String project, String key, Instant createdAt, boolean isDeleted) {

            boolean isRepeatedBy(String otherProject, String otherKey) {
                return !otherKey.isEmpty() && !isDeleted && project.equals(otherProject) && key.equals(otherKey);
            }
        }

        final Map<String, Row> events = new HashMap<>();
        final Map<String, Row> retained = new HashMap<>();
        long received;

        Optional<Row> find(String id) {
            return Optional.ofNullable(events.getOrDefault(id, retained.get(id)));
        }

        boolean isRecorded(String project, String key) {
            return Stream.of(events, retained)
                    .flatMap(rows -> rows.values().stream())
                    .anyMatch(row -> row.isRepeatedBy(project, key));
        }

        /** Records an event whose id is free, and returns whether it is a duplicate, which is recorded as deleted. */
        boolean record(NewEvent event) {
            boolean isDuplicate = isRecorded(event.projectId(), event.idempotencyKey());
            events.put(
                    event.id(),
                    new Row(
                            event.projectId(),
                            event.idempotencyKey(),
                            event.createdAt().orElseThrow(),
                            isDuplicate));
            received += isDuplicate ? 0 : 1;
            return isDuplicate;
        }

        void delete(String project, Instant before) {
            events.replaceAll((id, row) -> {
                boolean isDeletedNow =
                        row.project().equals(project) && row.createdAt().isBefore(before) && !row.isDeleted();
                received -= isDeletedNow ? 1 : 0;
                return isDeletedNow ? new Row(project, row.key(), row.createdAt(), true) : row;
            });
        }

        void deleteForGood(String project, Instant before) {
            delete(project, before);
            events.values()
                    .removeIf(row ->
                            row.project().equals(project) && row.createdAt().isBefore(before));
        }

        void retain(Instant before) {
            events.forEach((id, row) -> {
                if (row.createdAt().isBefore(before)) {
                    retained.put(id, row);
                }
            });
            events.values().removeIf(row -> row.createdAt().isBefore(before));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void areKnownAsLongAsTheyAreRetained(boolean isPartitioned) {
        if (isPartitioned) {
            retaining.tables().partition(PartitionInterval.WEEK);
            retaining.tables().enter();
            ledger.deleteForGood("p", EventWindow.ALL);
        }
        long seed = Long.getLong("usagekit.seed", new Random().nextLong());
        Random random = new Random(seed);
        List<Instant> createdAts = quarters(random);
        for (int first = 0; first < 6; first++) {
            recordNew("first, seed " + seed, random, "p", createdAts.get(CHANGES + first));
        }
        model.retain(RetainingLedger.day(20));
        retaining.deleteBefore(20);
        for (int change = 0; change < CHANGES; change++) {
            String as = "change " + change + ", seed " + seed;
            change(as, random, random.nextInt(4) == 0 ? "q" : "p", createdAts.get(change));
            assertThat(retaining.received()).as(as).isEqualTo(model.received);
            assertThat(Database.column("select id from " + retaining.tables().table("events")))
                    .as(as)
                    .containsExactlyInAnyOrderElementsOf(model.events.keySet());
            for (String key : List.of("k0", "k1", "k2")) {
                assertThat(ledger.isRecorded("p", key)).as("%s of %s", key, as).isEqualTo(model.isRecorded("p", key));
            }
        }
    }

    /** Quarters of an hour of a month, each once: retention refuses an id that is again where it has deleted one. */
    private static List<Instant> quarters(Random random) {
        List<Instant> quarters = IntStream.range(0, QUARTERS)
                .mapToObj(quarter -> RetainingLedger.day(0).plus(Duration.ofMinutes(15L * quarter)))
                .collect(Collectors.toList());
        Collections.shuffle(quarters, random);
        return quarters;
    }

    private void change(String as, Random random, String project, Instant createdAt) {
        int day = random.nextInt(15);
        switch (random.nextInt(11)) {
            case 0, 1, 2, 3 -> record(as, randomEvent(random, project, createdAt));
            case 4, 5 -> recordNew(as, random, project, createdAt);
            case 6 -> {
                model.delete(project, RetainingLedger.day(day / 2));
                ledger.delete(project, EventWindow.before(RetainingLedger.day(day / 2)));
            }
            case 7 -> {
                model.deleteForGood(project, RetainingLedger.day(day / 2));
                ledger.deleteForGood(project, EventWindow.before(RetainingLedger.day(day / 2)));
            }
            case 8, 9 -> {
                model.retain(RetainingLedger.day(day));
                retaining.deleteBefore(day);
            }
            default -> {
                String id = randomId(random);
                model.retained.remove(id);
                Database.execute("update " + retaining.tables().table("retained_ids")
                        + " set retained_until = now() where id = '" + id + "'");
            }
        }
    }

    private void record(String as, NewEvent event) {
        if (model.find(event.id()).isPresent()) {
            assertThatThrownBy(() -> ledger.record(event)).as(as).isInstanceOf(EventLedgerException.class);
        } else {
            boolean isDuplicate = model.record(event);
            assertThat(ledger.record(event).duplicate()).as(as).isEqualTo(isDuplicate);
        }
    }

    private static NewEvent randomEvent(Random random, String project, Instant createdAt) {
        String key = random.nextInt(3) == 0 ? "" : "k" + random.nextInt(3);
        return NewEvent.builder(project, randomId(random))
                .createdAt(createdAt)
                .idempotencyKey(key)
                .build();
    }

    private static String randomId(Random random) {
        return "e" + random.nextInt(12);
    }

    private void recordNew(String as, Random random, String project, Instant createdAt) {
        List<NewEvent> events = new ArrayList<>(IntStream.range(0, 3)
                .mapToObj(n -> randomEvent(random, project, createdAt))
                .collect(Collectors.toMap(NewEvent::id, event -> event, (one, other) -> one))
                .values());
        boolean haveOthersIds = events.stream()
                .flatMap(event -> model.find(event.id()).stream())
                .anyMatch(row -> !row.project().equals(project));
        if (haveOthersIds) {
            assertThatThrownBy(() -> ledger.recordNew(events)).as(as).isInstanceOf(EventLedgerException.class);
            return;
        }
        List<String> already = events.stream()
                .map(NewEvent::id)
                .filter(id -> model.find(id).isPresent())
                .toList();
        Map<String, Boolean> duplicates = new HashMap<>();
        events.stream()
                .filter(event -> !already.contains(event.id()))
                .forEach(event -> duplicates.put(event.id(), model.record(event)));
        RecordingResult result = ledger.recordNew(events);
        assertThat(result.recordedAlready()).as(as).isEqualTo(already);
        assertThat(result.recorded().stream().collect(Collectors.toMap(Event::id, Event::duplicate)))
                .as(as)
                .isEqualTo(duplicates);
    }
}
