package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.events.Delivery;
import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.RetentionResult;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A ledger behaves the same while its tables are partitioned and when they are plain again; old rows are dropped. */
class LedgerPartitionIT {

    private static final Instant FIRST = Instant.parse("2026-01-20T00:00:00Z");
    private static final UsageKey MARCH = new UsageKey("org-1", UsagePeriod.month(YearMonth.of(2026, 3)));

    private final ManualClock clock = ManualClock.at("2026-03-20T12:00:00Z");
    private TableMapping mapping = TableMapping.usagekit();
    private String schema = "";
    private EventRepository ledger;
    private PostgresRollups rollups;
    private PostgresPartitions partitions;

    @BeforeEach
    void install() {
        schema = LedgerTables.install("parted");
        mapping = TableMapping.usagekit(schema);
        rollups = PostgresRollups.builder(Database.pool())
                .mapping(mapping)
                .clock(clock)
                .build();
        rollups.install();
        partitions = PostgresPartitions.builder(Database.pool())
                .mapping(mapping)
                .clock(clock)
                .build();
        ledger = PostgresLedger.of(Database.pool(), schema).repository();
        ledger.save(new Project("p", "org-1", ""));
        record(0, 120);
        ledger.tokenise("p", EventWindow.ALL);
    }

    @AfterEach
    void drop() {
        rollups.removeWithRetained();
        Database.dropSchema(schema);
        Database.dropSchema(schema + "_partitions");
    }

    /** Records two events a day, each delivered to one of two endpoints. */
    private void record(int from, int before) {
        ledger.recordAll(IntStream.range(from, before)
                .mapToObj(n -> NewEvent.builder("p", "e" + n)
                        .createdAt(FIRST.plus(Duration.ofHours(12L * n)))
                        .type("type-" + n % 3)
                        .idempotencyKey("key-" + n)
                        .payload(Payload.of("number " + n))
                        .endpointIds(List.of("one", "two"))
                        .build())
                .toList());
        ledger.recordDeliveries(IntStream.range(from, before)
                .mapToObj(n -> new NewDelivery(
                        "d" + n,
                        "p",
                        "e" + n,
                        n % 2 == 0 ? "one" : "two",
                        Delivery.SUCCESS,
                        Optional.of(FIRST.plus(Duration.ofHours(12L * n + 1)))))
                .toList());
    }

    private String export() {
        ByteArrayOutputStream sink = new ByteArrayOutputStream();
        ledger.export(
                ExportRequest.builder("p", Instant.parse("2027-01-01T00:00:00Z"))
                        .build(),
                sink);
        return sink.toString(StandardCharsets.UTF_8);
    }

    private List<String> paged(EventFilter filter) {
        List<String> ids = new ArrayList<>();
        PageRequest request = PageRequest.first(7, EventOrder.DESCENDING);
        Page<Event> page = ledger.page("p", filter, request);
        while (true) {
            page.items().forEach(event -> ids.add(event.id()));
            if (!page.hasNext()) {
                return ids;
            }
            page = ledger.page("p", filter, request.at(page.next().orElseThrow()));
        }
    }

    private List<String> pagesOfEachKind() {
        List<String> ids = new ArrayList<>(paged(EventFilter.ALL));
        ids.addAll(paged(EventFilter.builder().endpointIds(List.of("two")).build()));
        ids.addAll(paged(EventFilter.builder().type("type-1").build()));
        ids.addAll(paged(EventFilter.builder().text("number 17").build()));
        ids.addAll(paged(EventFilter.builder().idempotencyKey("key-5").build()));
        return ids;
    }

    private OrganisationUsage march() {
        return rollups.calculator().calculate(MARCH, Duration.ofSeconds(30));
    }

    @Test
    void behavesTheSamePartitionedAndPlain() {
        String export = export();
        List<String> pages = pagesOfEachKind();
        OrganisationUsage march = march();

        partitions.partition(PartitionInterval.MONTH, new PartitionProgress() {});
        assertThat(partitions.status().events().partitions()).hasSizeGreaterThan(3);
        assertThat(export()).isEqualTo(export);
        assertThat(pagesOfEachKind()).isEqualTo(pages);
        assertThat(march().received()).isEqualTo(march.received());
        assertThat(march().sent()).isEqualTo(march.sent());

        refusesTakenIds();
        assertThat(march().received()).isEqualTo(march.received());
        assertThat(march().sent()).isEqualTo(march.sent());

        record(120, 130);
        assertThat(ledger.count("p", EventFilter.ALL)).isEqualTo(130);
        assertThat(ledger.record(NewEvent.builder("p", "again")
                                .idempotencyKey("key-3")
                                .build())
                        .duplicate())
                .isTrue();
        assertThat(ledger.updateEndpoints("p", "e125", List.of("three"))).isTrue();
        assertThat(ledger.endpointIds("p", "e125")).containsExactly("three");
        assertThat(ledger.deleteForGood("p", EventWindow.ALL))
                .as("but for those that are delivered")
                .isEqualTo(1);
        String grown = export();
        OrganisationUsage grownMarch = march();

        partitions.unpartition(new PartitionProgress() {});
        assertThat(partitions.status().events().partitions()).isEmpty();
        assertThat(export()).isEqualTo(grown);
        assertThat(march().received()).isEqualTo(grownMarch.received());
        assertThat(march().sent()).isEqualTo(grownMarch.sent());
    }

    @Test
    void fillsEndpointsThatThePreviousVersionRecordedIntoPartitions() {
        partitions.partition(PartitionInterval.MONTH, new PartitionProgress() {});
        EventFilter toTwo = EventFilter.builder().endpointIds(List.of("two")).build();
        List<String> pages = paged(toTwo);
        LedgerTables.makeEndpointsOld(schema);

        PostgresLedger.of(Database.pool(), schema).install();
        assertThat(paged(toTwo)).hasSize(120).isEqualTo(pages);
        // To another partition.
        Database.execute("update " + Identifiers.qualified(schema, "events")
                + " set created_at = '2026-01-01Z' where id = 'e119'");
        assertThat(paged(toTwo)).hasSize(120).endsWith("e119");
    }

    /** Ids of events and deliveries of January are refused in March, whichever project records them. */
    private void refusesTakenIds() {
        ledger.save(new Project("q", "org-1", ""));
        Instant later = FIRST.plus(Duration.ofDays(58));
        for (String project : List.of("p", "q")) {
            NewEvent again = NewEvent.builder(project, "e3")
                    .createdAt(later)
                    .endpointIds(List.of("three"))
                    .build();
            assertThatThrownBy(() -> ledger.record(again))
                    .isInstanceOf(EventLedgerException.class)
                    .hasMessage("the events can't be recorded: the id \"e3\" is taken");
        }
        assertThatThrownBy(() -> ledger.recordDeliveries(
                        List.of(new NewDelivery("d3", "p", "e4", "one", Delivery.SUCCESS, Optional.of(later)))))
                .isInstanceOf(EventLedgerException.class)
                .hasMessage("the deliveries can't be recorded: the id \"d3\" is taken");
        assertThat(ledger.endpointIds("p", "e3")).containsExactly("one", "two");
        assertThat(ledger.countMessages("q")).isZero();
    }

    /** Without the ledger's trigger, SQL can insert an id once in each partition. */
    @Test
    void deletesNoEventOfAnotherProjectThatHasTheSameId() {
        partitions.partition(PartitionInterval.MONTH, new PartitionProgress() {});
        Database.execute(
                "alter table " + Identifiers.qualified(schema, "events") + " disable trigger usagekit_enter_id");
        ledger.save(new Project("q", "org-1", ""));
        for (String id : List.of("soft", "hard")) {
            ledger.record(NewEvent.builder("p", id).createdAt(FIRST).build());
            Database.execute("insert into " + Identifiers.qualified(schema, "events")
                    + " (id, project_id, event_type, raw, created_at) select id, 'q', event_type, raw, created_at + interval '58 days' from "
                    + Identifiers.qualified(schema, "events") + " where id = '" + id + "'");
        }
        Database.execute("update " + Identifiers.qualified(schema, "events_ids_partitions")
                + " set partitions = '{}', attached_by = '{}'");
        EventWindow first = EventWindow.between(FIRST, FIRST.plusSeconds(1));

        assertThat(ledger.delete("p", first)).isPositive();
        assertThat(ledger.find("q", "soft").orElseThrow().deletedAt()).isEmpty();
        ledger.deleteForGood("p", first);
        assertThat(ledger.find("p", "hard")).isEmpty();
        assertThat(ledger.find("q", "hard")).isPresent();
    }

    /** In one snapshot for all statements an event that another transaction has recorded meanwhile wouldn't be seen. */
    @Test
    void recordsInAHostsTransactionOfReadCommittedOnly() throws SQLException {
        partitions.partition(PartitionInterval.MONTH, new PartitionProgress() {});
        NewEvent event = NewEvent.builder("p", "new").build();
        try (Connection connection = Database.pool().getConnection()) {
            connection.setAutoCommit(false);
            EventRepository inTransaction =
                    PostgresLedger.of(Database.pool(), schema).repository(connection);
            inTransaction.record(event);
            connection.rollback();
            connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            assertThatThrownBy(() -> inTransaction.record(event))
                    .isInstanceOf(EventLedgerException.class)
                    .hasMessageContaining("begin it in READ COMMITTED");
            connection.commit();
        }
        assertThat(ledger.find("p", "new")).isEmpty();
    }

    @Tag("thorough")
    @Test
    void dropsOldRowsWithTheirEndpointsAndKeepsFigures() {
        partitions.partition(PartitionInterval.MONTH, new PartitionProgress() {});
        OrganisationUsage march = march();
        RetentionResult gone = partitions
                .dropExpired(Instant.parse("2026-03-10T00:00:00Z"), new RetentionProgress() {})
                .retention();
        assertThat(gone.events()).isEqualTo(98);
        assertThat(gone.deliveries()).isEqualTo(98);
        assertThat(ledger.count("p", EventFilter.ALL)).isEqualTo(22);
        assertThat(ledger.endpointIds("p", "e0")).isEmpty();
        assertThat(Database.column("select count(*) from \"" + schema + "\".events_endpoints"))
                .containsExactly("44");
        assertThat(march().received()).isEqualTo(march.received());
        assertThat(march().sent()).isEqualTo(march.sent());
        assertThat(partitions.status().events().partitions())
                .noneSatisfy(partition -> assertThat(partition.name()).contains("202602"));
    }

    /** The host's SQL drops a partition: nothing deletes the endpoints of its events, whose ids are recorded again. */
    @Test
    void recordsIdsAgainWhosePartitionTheHostHasDropped() {
        partitions.partition(PartitionInterval.MONTH, new PartitionProgress() {});
        for (String leaf : Database.column(
                "select inhrelid::regclass::text from pg_inherits where inhparent = to_regclass(?) and"
                        + " pg_get_expr((select relpartbound from pg_class c where c.oid = inhrelid), inhrelid) like"
                        + " '%2026-01-01%'",
                Identifiers.qualified(schema, "events"))) {
            Database.execute("drop table " + leaf + " cascade");
        }
        assertThat(ledger.find("p", "e0")).isEmpty();
        assertThat(ledger.endpointIds("p", "e0")).isEmpty();

        for (String endpoint : List.of("one", "three")) {
            String id = endpoint.equals("one") ? "e0" : "e1";
            ledger.record(NewEvent.builder("p", id)
                    .createdAt(FIRST.plus(Duration.ofDays(30)))
                    .endpointIds(List.of(endpoint))
                    .build());
            assertThat(ledger.endpointIds("p", id)).containsExactly(endpoint);
        }

        assertThat(ledger.page(
                                "p",
                                EventFilter.builder()
                                        .endpointIds(List.of("one"))
                                        .build(),
                                PageRequest.first(1_000, EventOrder.ASCENDING))
                        .items())
                .extracting(Event::id)
                .contains("e0");
    }
}
