package io.usagekit.cli.demo;

import io.usagekit.cli.load.EventWriter;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.UUID;

/**
 * The demo's events: spread evenly over three months, in the order of time. Each is made of the seed and its number alone, so
 * that it doesn't matter who makes which. Not thread-safe.
 */
final class DemoEvents {

    private static final Instant FIRST = Instant.parse("2026-01-01T00:00:00Z");
    private static final Instant END = Instant.parse("2026-04-01T00:00:00Z");
    private static final long MICROS = ChronoUnit.MICROS.between(FIRST, END);
    private static final double DELETED = 0.01;
    private static final double TRANSFORMED = 0.25;
    private static final long SPREAD = 0xD1342543DE82EF95L;

    /** As often as they occur here: of 100. */
    private static final List<String> TYPES = weighted(List.of(
            new Weight("push", 34),
            new Weight("pull_request", 18),
            new Weight("check_run", 16),
            new Weight("issue_comment", 10),
            new Weight("issues", 8),
            new Weight("workflow_job", 8),
            new Weight("release", 4),
            new Weight("repository", 2)));

    private static final List<String> STATUSES = weighted(List.of(
            new Weight("Success", 90),
            new Weight("Failure", 4),
            new Weight("Retry", 2),
            new Weight("Discarded", 2),
            new Weight("Processing", 1),
            new Weight("Scheduled", 1)));

    private record Weight(String name, int percent) {}

    private final PayloadGenerator payloads = new PayloadGenerator();
    private final DemoOrganisations organisations;
    private final long seed;
    private final int count;

    DemoEvents(DemoOrganisations organisations, long seed, int count) {
        this.organisations = organisations;
        this.seed = seed;
        this.count = count;
    }

    private static List<String> weighted(List<Weight> weights) {
        List<String> names = new ArrayList<>();
        weights.forEach(weight -> {
            for (int i = 0; i < weight.percent(); i++) {
                names.add(weight.name());
            }
        });
        return List.copyOf(names);
    }

    /** Writes the event of this number, from 0, and its deliveries. */
    void write(int number, EventWriter writer) {
        // Through another generator, since seeds in a row would make sequences that overlap.
        SplittableRandom random = new SplittableRandom(new SplittableRandom(seed ^ (number + 1) * SPREAD).nextLong());
        DemoOrganisations.Project project = organisations.pick(random);
        Instant createdAt = FIRST.plus((long) ((number + random.nextDouble()) / count * MICROS), ChronoUnit.MICROS);
        EventWriter.Event event = event(random, project, createdAt);
        writer.write(event);
        for (int i = 0; i < project.endpoints(); i++) {
            String status = STATUSES.get(random.nextInt(STATUSES.size()));
            writer.write(new EventWriter.Delivery(id(random), event, status, createdAt.plus(delay(random))));
        }
    }

    private EventWriter.Event event(SplittableRandom random, DemoOrganisations.Project project, Instant createdAt) {
        String id = id(random);
        String type = TYPES.get(random.nextInt(TYPES.size()));
        byte[] raw = payloads.body(random, type, PayloadSizes.at(random.nextDouble()));
        byte[] data = random.nextDouble() < TRANSFORMED ? PayloadGenerator.transformed(raw, type, id) : new byte[0];
        Optional<Instant> deletedAt =
                random.nextDouble() < DELETED ? Optional.of(createdAt.plus(Duration.ofDays(1))) : Optional.empty();
        return new EventWriter.Event(id, project.id(), type, raw, data, createdAt, deletedAt);
    }

    /** Mostly a second or so; now and then, after a failure, hours: so that some cross the end of a month. */
    private static Duration delay(SplittableRandom random) {
        long micros = 50_000 + random.nextLong(2_000_000);
        return Duration.of(random.nextInt(50) == 0 ? micros * 10_000 : micros, ChronoUnit.MICROS);
    }

    private static String id(SplittableRandom random) {
        long version4 = (random.nextLong() & ~0xF000L) | 0x4000L;
        long variant = (random.nextLong() & ~(0xCL << 60)) | (0x8L << 60);
        return new UUID(version4, variant).toString();
    }
}
