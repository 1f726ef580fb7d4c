package io.usagekit.verification.upgrades.deployed;

import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Payload;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.events.PostgresLedger;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PartitionStatus;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.RollupListener;
import io.usagekit.postgres.rollups.RollupRunResult;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.VerificationProgress;
import io.usagekit.verification.upgrades.Figure;
import io.usagekit.verification.upgrades.Release;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import javax.sql.DataSource;

/** The library's own tables in a schema, with their indexes, roll-ups and ledger. */
final class InstalledTables implements Release.Tables {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final int MOST_RUNS = 10;
    private static final byte[] CURSOR_SECRET = "shared by all processes of the host".getBytes(StandardCharsets.UTF_8);

    private final DataSource dataSource;
    private final TableMapping mapping;
    private final PostgresLedger ledger;
    private final PostgresRollups rollups;
    private final AtomicLong readFromRollups = new AtomicLong();

    InstalledTables(DataSource dataSource, String schema) {
        this.dataSource = dataSource;
        this.mapping = TableMapping.usagekit(schema);
        this.ledger = PostgresLedger.builder(dataSource)
                .schema(schema)
                .cursorSecret(CURSOR_SECRET)
                .build();
        this.rollups = PostgresRollups.builder(dataSource)
                .mapping(mapping)
                .listener(new RollupListener() {
                    @Override
                    public void fromRollups(UsageKey key, long liveHours, long markedHours) {
                        readFromRollups.incrementAndGet();
                    }
                })
                .build();
    }

    @Override
    public void install() {
        PostgresUsage.install(dataSource, mapping.schema());
        PostgresUsage.installIndexes(dataSource, mapping);
        ledger.install();
        rollups.install();
    }

    @Override
    public Figure calculate(String organisation, String period) {
        return figure(PostgresUsage.calculator(dataSource, mapping), organisation, period);
    }

    @Override
    public Figure rolledUp(String organisation, String period) {
        return figure(rollups.calculator(), organisation, period);
    }

    private static Figure figure(UsageCalculator calculator, String organisation, String period) {
        return Deployment.figure(calculator.calculate(new UsageKey(organisation, UsagePeriod.parse(period)), TIMEOUT));
    }

    @Override
    public long readFromRollups() {
        return readFromRollups.get();
    }

    @Override
    public void roll() {
        try (RollupWorker worker = rollups.worker().build()) {
            RollupRunResult run = worker.runOnce();
            for (int i = 1; i < MOST_RUNS && run.leader() && !run.finished(); i++) {
                run = worker.runOnce();
            }
        }
    }

    @Override
    public long drift() {
        return rollups.verify(new VerificationProgress() {});
    }

    @Override
    public void deleteBefore(Instant before) {
        rollups.deleteBefore(before, new RetentionProgress() {});
    }

    private PostgresPartitions partitions() {
        return PostgresPartitions.builder(dataSource)
                .mapping(mapping)
                .rollups(rollups)
                .build();
    }

    @Override
    public void partition() {
        partitions().partition(PartitionInterval.MONTH, new PartitionProgress() {});
    }

    @Override
    public List<String> createAhead() {
        return partitions().createAhead().created();
    }

    @Override
    public boolean isPartitioned() {
        PartitionStatus status = partitions().status();
        return status.events().interval().equals(Optional.of(PartitionInterval.MONTH))
                && status.deliveries().interval().equals(Optional.of(PartitionInterval.MONTH));
    }

    private EventRepository repository() {
        return ledger.repository();
    }

    @Override
    public boolean recordsDuplicate(
            String project, String event, String text, String idempotencyKey, Instant createdAt) {
        return repository()
                .record(NewEvent.builder(project, event)
                        .payload(Payload.of("{\"text\":\"" + text + "\"}"))
                        .idempotencyKey(idempotencyKey)
                        .createdAt(createdAt)
                        .endpointIds(List.of("endpoint"))
                        .build())
                .duplicate();
    }

    @Override
    public void deliver(String project, String delivery, String event, Instant createdAt) {
        repository()
                .recordDeliveries(List.of(
                        new NewDelivery(delivery, project, event, "endpoint", "Success", Optional.of(createdAt))));
    }

    @Override
    public Release.Ids page(String project, Optional<String> cursor, int size) {
        PageRequest request = new PageRequest(size, EventOrder.ASCENDING, cursor);
        Page<Event> page = repository().page(project, EventFilter.ALL, request);
        return new Release.Ids(page.items().stream().map(Event::id).toList(), page.next(), page.previous());
    }

    @Override
    public void tokenise(String project) {
        repository().tokenise(project, EventWindow.ALL);
    }

    @Override
    public List<String> search(String project, String text) {
        return meeting(project, EventFilter.builder().text(text).build());
    }

    @Override
    public List<String> deliveredTo(String project, String endpoint) {
        return meeting(
                project, EventFilter.builder().endpointIds(List.of(endpoint)).build());
    }

    private List<String> meeting(String project, EventFilter filter) {
        return repository().page(project, filter, PageRequest.first(100, EventOrder.ASCENDING)).items().stream()
                .map(Event::id)
                .toList();
    }

    @Override
    public void export(String project, Instant before, OutputStream sink) {
        repository().export(ExportRequest.builder(project, before).build(), sink);
    }
}
