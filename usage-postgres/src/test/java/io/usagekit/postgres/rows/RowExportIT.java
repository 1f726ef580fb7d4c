package io.usagekit.postgres.rows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.events.EventOrder;
import io.usagekit.events.PageRequest;
import io.usagekit.postgres.testing.Database;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Exports of rows, and rows that a receiver takes one by one. */
class RowExportIT {

    private static final UsageKey KEY = new UsageKey("org", UsagePeriod.month(YearMonth.of(2026, 3)));

    private PageTables tables;
    private PostgresRows behind;

    @BeforeEach
    void create() {
        tables = new PageTables();
        behind = PostgresRows.of(Database.pool(), tables.mapping());
    }

    @AfterEach
    void drop() {
        Database.dropSchema(tables.schema);
    }

    @Test
    void exportsLinesAndObjects() {
        tables.run(
                "delete from {s}.event_deliveries where id not in ('d1', 'd3')",
                "update {s}.event_deliveries set id = 'a \"b\", c' where id = 'd1'",
                "update {s}.events set id = 'gone' where id = 'e3'");
        ByteArrayOutputStream csv = new ByteArrayOutputStream();
        ByteArrayOutputStream json = new ByteArrayOutputStream();
        RowSum sum = behind.exportSent(KEY, RowFormat.CSV, csv);
        assertThat(behind.exportSent(KEY, RowFormat.NDJSON, json)).isEqualTo(sum);
        assertThat(csv.toString(StandardCharsets.UTF_8)).isEqualTo("""
                        created_at,delivery_id,event_id,project_id,bytes
                        2026-03-02T00:00:00Z,"a ""b"", c",e1,p2,1
                        2026-03-02T00:00:00Z,d3,e3,p1,
                        """);
        assertThat(json.toString(StandardCharsets.UTF_8)).isEqualTo("""
                        {"created_at":"2026-03-02T00:00:00Z","delivery_id":"a \\"b\\", c","event_id":"e1","project_id":"p2","bytes":1}
                        {"created_at":"2026-03-02T00:00:00Z","delivery_id":"d3","event_id":"e3","project_id":"p1"}
                        """);
        assertThat(sum).isEqualTo(new RowSum(new UsageMetrics(2, 1), 1, RetainedUsage.NONE));
    }

    @Test
    void exportsWhatThePagesHave() {
        ByteArrayOutputStream csv = new ByteArrayOutputStream();
        behind.exportReceived(KEY, RowFormat.CSV, csv);
        assertThat(csv.toString(StandardCharsets.UTF_8).lines().skip(1))
                .containsExactlyElementsOf(
                        RowPages.all(
                                        request -> behind.received(KEY, request),
                                        PageRequest.first(33, EventOrder.ASCENDING))
                                .stream()
                                .map(row -> row.createdAt() + "," + row.eventId() + "," + row.projectId() + ","
                                        + row.bytes().orElseThrow())
                                .toList());
    }

    @Test
    void saysThatTheSinkFailed() {
        OutputStream full = new OutputStream() {
            @Override
            public void write(int octet) throws IOException {
                throw new IOException("no space left");
            }
        };
        tables.run("insert into {s}.event_deliveries select id || n, project_id, event_id, status, created_at"
                + " from {s}.event_deliveries, generate_series(1, 20) n");
        assertThatThrownBy(() -> behind.exportSent(KEY, RowFormat.NDJSON, full))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("can't be written: no space left");
    }

    @Test
    void whatTheReceiverThrowsEndsTheCall() {
        IllegalStateException enough = new IllegalStateException("enough");
        List<String> seen = new ArrayList<>();
        assertThatThrownBy(() -> behind.readSent(KEY, row -> {
                    seen.add(row.deliveryId());
                    throw enough;
                }))
                .isSameAs(enough);
        assertThat(seen).hasSize(1);
    }
}
