package io.usagekit.testkit.contract.events;

import static io.usagekit.testkit.internal.ContractAssertions.assertRejected;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.events.EventExportException;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventWindow;
import io.usagekit.events.ExportProgress;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.ExportResult;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Payload;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.LongUnaryOperator;
import java.util.stream.IntStream;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;

/** Cases of exports: content, failures, resuming. */
abstract class EventExportCases extends EventRepositoryFixture {

    private static final Instant LATER = NOW.plusSeconds(100_000);

    /** Sink that fails once it has taken a given number of octets. */
    private static final class FailingSink extends OutputStream {
        private final ByteArrayOutputStream taken = new ByteArrayOutputStream();
        private final long most;
        private int flushes;

        FailingSink(long most) {
            this.most = most;
        }

        @Override
        public void write(int octet) throws IOException {
            if (taken.size() >= most) {
                throw new IOException("the disk is full");
            }
            taken.write(octet);
        }

        @Override
        public void flush() {
            flushes++;
        }

        @Override
        public void close() {
            throw new AssertionError("the sink is the caller's to close");
        }

        byte[] octets() {
            return taken.toByteArray();
        }
    }

    EventExportCases(EventRepositoryContract contract) {
        super(contract);
    }

    private byte[] export(ExportRequest.Builder request) {
        FailingSink sink = new FailingSink(Long.MAX_VALUE);
        ExportResult result = ledger.export(request.build(), sink);
        assertEquals(sink.octets().length, result.octets());
        assertEquals(1 + result.events() / 3_000, sink.flushes, "once after each batch, and at the end");
        return sink.octets();
    }

    private static ExportRequest.Builder request(ExportRequest.Format format, ExportRequest.Compression compression) {
        return ExportRequest.builder(P, LATER).format(format).compression(compression);
    }

    private static String unzipped(byte[] octets) {
        try (GZIPInputStream in = new GZIPInputStream(new ByteArrayInputStream(octets))) {
            return new String(in.readAllBytes(), UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    final void exportsEmptyArrayOrNoLineWhenNothingMatches() {
        assertEquals(
                "[]", new String(export(request(ExportRequest.Format.JSON, ExportRequest.Compression.NONE)), UTF_8));
        assertEquals(
                "", new String(export(request(ExportRequest.Format.NDJSON, ExportRequest.Compression.NONE)), UTF_8));
        assertEquals("[]", unzipped(export(request(ExportRequest.Format.JSON, ExportRequest.Compression.GZIP))));
        assertEquals("", unzipped(export(request(ExportRequest.Format.NDJSON, ExportRequest.Compression.GZIP))));
    }

    @Test
    final void exportsEveryPublicFieldOnly() {
        recorded(event("e")
                .type("push")
                .payload(Payload.of("{\"a\": \"é\\n\"}\n\u0001", new byte[] {0, -1}))
                .headers(Map.of("x-b", "2", "X-A", "\""))
                .sourceId("source")
                .idempotencyKey("key")
                .status("Done")
                .endpointIds(List.of("endpoint")));
        String json = "{\"id\":\"e\",\"project_id\":\"project-1\",\"event_type\":\"push\",\"source_id\":\"source\","
                + "\"idempotency_key\":\"key\",\"is_duplicate\":false,\"status\":\"Done\","
                + "\"headers\":{\"x-a\":\"\\\"\",\"x-b\":\"2\"},"
                + "\"raw\":\"{\\\"a\\\": \\\"é\\\\n\\\"}\\u000a\\u0001\",\"data\":\"AP8=\",\"bytes\":17,"
                + "\"created_at\":\"2026-03-17T01:28:00.123456Z\"}";
        assertEquals(
                "[" + json + "]",
                new String(export(request(ExportRequest.Format.JSON, ExportRequest.Compression.NONE)), UTF_8));
        assertEquals(
                json + "\n",
                new String(export(request(ExportRequest.Format.NDJSON, ExportRequest.Compression.NONE)), UTF_8));
    }

    @Test
    final void exportsLiveEventsOfProjectBeforeInstantInOrder() {
        for (int n = 0; n < 6; n++) {
            recorded(event("e" + (5 - n)).createdAt(NOW.plusSeconds(n / 2)));
        }
        recorded(NewEvent.builder(SIBLING, "sibling").createdAt(NOW));
        recorded(event("deleted").createdAt(NOW.minusSeconds(1)));
        ledger.delete(P, EventWindow.before(NOW));
        String lines = new String(
                export(ExportRequest.builder(P, NOW.plusSeconds(2)).format(ExportRequest.Format.NDJSON)), UTF_8);
        assertEquals(
                List.of("e4", "e5", "e2", "e3"),
                lines.lines().map(line -> line.substring(7, 9)).toList());
    }

    @Test
    final void exportsFromInstantDeletedOnesAndEndpointsWhereAskedFor() {
        recorded(event("early").createdAt(NOW.minusNanos(1_000)));
        recorded(event("deleted").createdAt(NOW).endpointIds(List.of("warehouse")));
        ledger.delete(P, EventWindow.since(NOW));
        recorded(event("live").createdAt(NOW.plusSeconds(1)).endpointIds(List.of("b", "é", "B", "\"")));
        recorded(event("none").createdAt(NOW.plusSeconds(2)));

        ExportRequest.Builder from = lines().from(NOW);
        assertEquals(List.of("live", "none"), exportedIds(from));
        assertEquals(List.of("deleted", "live", "none"), exportedIds(from.state(EventFilter.State.ANY)));
        List<String> lines =
                new String(export(from.withEndpoints()), UTF_8).lines().toList();
        assertEquals(
                List.of(
                        "\"bytes\":0,\"created_at\":\"2026-03-17T01:28:00.123456Z\","
                                + "\"updated_at\":\"2026-03-17T01:28:00.123456Z\","
                                + "\"deleted_at\":\"2026-03-17T01:28:00.123456Z\",\"endpoint_ids\":[\"warehouse\"]}",
                        "\"bytes\":0,\"created_at\":\"2026-03-17T01:28:01.123456Z\",\"endpoint_ids\":[\"\\\"\",\"B\",\"b\",\"é\"]}",
                        "\"bytes\":0,\"created_at\":\"2026-03-17T01:28:02.123456Z\",\"endpoint_ids\":[]}"),
                lines.stream()
                        .map(line -> line.substring(line.indexOf("\"bytes\"")))
                        .toList());
        assertRejected(() -> lines().from(LATER).build(), "from", "must be before");
    }

    private static ExportRequest.Builder lines() {
        return request(ExportRequest.Format.NDJSON, ExportRequest.Compression.NONE);
    }

    private List<String> exportedIds(ExportRequest.Builder request) {
        return new String(export(request), UTF_8)
                .lines()
                .map(line -> line.substring(7, line.indexOf('"', 7)))
                .toList();
    }

    @Test
    final void exportsProjectsOneAfterTheOther() {
        recorded(event("a").createdAt(NOW.plusSeconds(1)));
        recorded(NewEvent.builder(UNRELATED, "b").createdAt(NOW).endpointIds(List.of("warehouse")));
        recorded(event("c").createdAt(NOW));
        recorded(NewEvent.builder(SIBLING, "d").createdAt(NOW.minusSeconds(1)));
        recorded(NewEvent.builder(SIBLING, "late").createdAt(LATER));
        ExportRequest.Builder all = ExportRequest.ofAllProjects(LATER)
                .format(ExportRequest.Format.NDJSON)
                .withEndpoints();
        assertEquals(List.of("c", "a", "d", "b"), exportedIds(all));
        assertEquals(List.of("c", "a", "b"), exportedIds(all.from(NOW)));

        for (String project : List.of(P, SIBLING, UNRELATED)) {
            ledger.recordAll(IntStream.range(0, 2_500)
                    .mapToObj(n -> NewEvent.builder(project, project + ":" + n)
                            .createdAt(NOW.plusSeconds(n))
                            .build())
                    .toList());
        }
        List<ExportProgress> reported = new ArrayList<>();
        byte[] whole = export(all.listener(reported::add));
        assertEquals(2, reported.size());
        for (ExportProgress progress : List.copyOf(reported)) {
            byte[] rest = export(all.resume(progress.cursor().orElseThrow()));
            assertArrayEquals(Arrays.copyOfRange(whole, (int) progress.octets(), whole.length), rest);
        }
        assertRejected(
                () -> ledger.export(
                        lines().from(NOW)
                                .withEndpoints()
                                .resume(reported.get(0).cursor().orElseThrow())
                                .build(),
                        OutputStream.nullOutputStream()),
                "cursor");
    }

    /** Together they have more octets than any implementation reads at once. */
    @Test
    final void exportsAnyNumberOfEndpoints() {
        List<String> endpointIds =
                IntStream.range(1_000, 1_800).mapToObj(n -> n + "x".repeat(240)).toList();
        ledger.recordAll(IntStream.range(10, 34)
                .mapToObj(n -> event("e" + n)
                        .createdAt(NOW)
                        .endpointIds(n == 20 ? List.of() : endpointIds)
                        .build())
                .toList());
        List<String> lines =
                new String(export(lines().withEndpoints()), UTF_8).lines().toList();
        assertEquals(24, lines.size());
        for (int n = 10; n < 34; n++) {
            String line = lines.get(n - 10);
            assertTrue(line.startsWith("{\"id\":\"e" + n + "\""), "the events in order");
            String members = n == 20 ? "" : "\"" + String.join("\",\"", endpointIds) + "\"";
            assertTrue(line.endsWith("\"endpoint_ids\":[" + members + "]}"), "the endpoints of e" + n);
        }
    }

    private void recordMany() {
        ledger.recordAll(IntStream.range(0, 7_000)
                .mapToObj(n -> event("e" + n)
                        .createdAt(NOW.plusSeconds(n / 5))
                        .payload(Payload.of("é" + n))
                        .build())
                .toList());
    }

    @Test
    final void resumesFailedExportWithIdenticalOctets() {
        recordMany();
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        LongUnaryOperator[] edges = {length -> 0, length -> length / 2, length -> length - 1};
        int edge = random.nextInt(edges.length);
        for (ExportRequest.Format format : ExportRequest.Format.values()) {
            for (ExportRequest.Compression compression : ExportRequest.Compression.values()) {
                byte[] whole = export(request(format, compression));
                for (long most :
                        new long[] {edges[edge++ % edges.length].applyAsLong(whole.length), random.nextInt(whole.length)
                        }) {
                    FailingSink sink = new FailingSink(most);
                    EventExportException error = assertThrows(
                            EventExportException.class,
                            () -> ledger.export(request(format, compression).build(), sink));
                    ExportProgress progress = error.progress();
                    ByteArrayOutputStream joined = new ByteArrayOutputStream();
                    joined.writeBytes(Arrays.copyOf(sink.octets(), Math.toIntExact(progress.octets())));
                    ExportRequest.Builder resumed = request(format, compression);
                    progress.cursor().ifPresent(resumed::resume);
                    joined.writeBytes(export(resumed));
                    assertArrayEquals(
                            whole,
                            joined.toByteArray(),
                            () -> format + " " + compression + " failing after " + most + ", seed " + seed);
                    assertTrue(String.valueOf(error.getCause()).contains("the disk is full"), "the cause is kept");
                }
            }
        }
        String json = unzipped(export(request(ExportRequest.Format.JSON, ExportRequest.Compression.GZIP)));
        assertEquals(
                json, new String(export(request(ExportRequest.Format.JSON, ExportRequest.Compression.NONE)), UTF_8));
        assertEquals(7_000, json.lines().count());
    }

    @Test
    final void reportsProgressAfterEachBatchAndResumesFromAnyOfThem() {
        recordMany();
        List<ExportProgress> reported = new ArrayList<>();
        byte[] whole = export(request(ExportRequest.Format.NDJSON, ExportRequest.Compression.NONE)
                .listener(reported::add));
        assertEquals(
                List.of(3_000L, 6_000L),
                reported.stream().map(ExportProgress::events).toList());
        for (ExportProgress progress : reported) {
            byte[] rest = export(request(ExportRequest.Format.NDJSON, ExportRequest.Compression.NONE)
                    .resume(progress.cursor().orElseThrow()));
            assertArrayEquals(Arrays.copyOfRange(whole, (int) progress.octets(), whole.length), rest);
        }
        List<ExportProgress> ofChosen = new ArrayList<>();
        byte[] chosen = export(chosen().listener(ofChosen::add));
        assertEquals(1, ofChosen.size());
        assertArrayEquals(
                Arrays.copyOfRange(chosen, (int) ofChosen.get(0).octets(), chosen.length),
                export(chosen().resume(ofChosen.get(0).cursor().orElseThrow())));
        FailingSink sink = new FailingSink(0);
        String cursor = reported.get(0).cursor().orElseThrow();
        ExportRequest resumed = request(ExportRequest.Format.NDJSON, ExportRequest.Compression.NONE)
                .resume(cursor)
                .build();
        EventExportException error = assertThrows(EventExportException.class, () -> ledger.export(resumed, sink));
        assertEquals(new ExportProgress(0, 0, Optional.of(cursor)), error.progress());
    }

    private static ExportRequest.Builder chosen() {
        return lines().from(NOW.plusSeconds(500)).state(EventFilter.State.ANY).withEndpoints();
    }

    @Test
    final void exportsEventsAsTheyWereAtOneMoment() {
        recordMany();
        ExportRequest.Format format = ExportRequest.Format.NDJSON;
        byte[] before = export(request(format, ExportRequest.Compression.NONE));
        byte[] during = export(request(format, ExportRequest.Compression.NONE).listener(progress -> {
            if (progress.events() == 3_000) {
                recorded(event("late").createdAt(NOW.plusSeconds(1_000)));
                ledger.delete(P, EventWindow.since(NOW.plusSeconds(1_200)));
            }
        }));
        assertArrayEquals(before, during, "an export doesn't see what changes while it runs");
    }

    @Test
    final void saysWhereToResumeWhateverTheSinkThrows() {
        recordMany();
        byte[] whole = export(request(ExportRequest.Format.NDJSON, ExportRequest.Compression.NONE));
        IllegalStateException thrown = new IllegalStateException("closed");
        ByteArrayOutputStream taken = new ByteArrayOutputStream() {
            @Override
            public synchronized void write(byte[] octets, int offset, int length) {
                if (size() + length > whole.length / 2) {
                    throw thrown;
                }
                super.write(octets, offset, length);
            }
        };
        ExportRequest request = request(ExportRequest.Format.NDJSON, ExportRequest.Compression.NONE)
                .build();
        EventExportException error = assertThrows(EventExportException.class, () -> ledger.export(request, taken));
        assertSame(thrown, error.getCause());
        assertEquals(3_000, error.progress().events());
    }

    @Test
    final void exportsPayloadsOfAnySize() {
        String text = "\"é😀\u0001".repeat(900_000);
        byte[] data = new byte[5_000_001];
        new Random(17).nextBytes(data);
        recorded(event("before"));
        recorded(event("large").createdAt(NOW.plusSeconds(1)).payload(Payload.of(text, data)));
        recorded(event("after").createdAt(NOW.plusSeconds(2)).payload(Payload.of("small")));
        List<String> lines = new String(
                        export(request(ExportRequest.Format.NDJSON, ExportRequest.Compression.NONE)), UTF_8)
                .lines()
                .toList();
        assertEquals(3, lines.size());
        String raw = "\"raw\":\"" + "\\\"é😀\\u0001".repeat(900_000) + "\"";
        assertTrue(lines.get(1).contains(raw), "the text as it was recorded");
        String base64 = "\"data\":\"" + Base64.getEncoder().encodeToString(data) + "\"";
        assertTrue(lines.get(1).contains(base64), "the bytes as they were recorded");
        assertTrue(lines.get(2).contains("\"raw\":\"small\""), "the next event");
    }

    @Test
    final void endsExportWithExceptionOfProgressCallback() {
        recordMany();
        IllegalStateException thrown = new IllegalStateException("enough");
        ExportRequest request = ExportRequest.builder(P, LATER)
                .listener(progress -> {
                    throw thrown;
                })
                .build();
        assertSame(
                thrown,
                assertThrows(
                        IllegalStateException.class, () -> ledger.export(request, OutputStream.nullOutputStream())));
    }

    @Test
    final void rejectsCursorOfAnotherExport() {
        recordMany();
        List<ExportProgress> reported = new ArrayList<>();
        export(request(ExportRequest.Format.JSON, ExportRequest.Compression.NONE)
                .listener(reported::add));
        String cursor = reported.get(0).cursor().orElseThrow();
        FailingSink untouched = new FailingSink(0);
        for (ExportRequest.Builder other : List.of(
                request(ExportRequest.Format.NDJSON, ExportRequest.Compression.NONE),
                request(ExportRequest.Format.JSON, ExportRequest.Compression.GZIP),
                ExportRequest.builder(P, LATER.plusSeconds(1)),
                ExportRequest.builder(P, LATER).from(NOW),
                ExportRequest.builder(P, LATER).state(EventFilter.State.ANY),
                ExportRequest.builder(P, LATER).withEndpoints(),
                ExportRequest.builder(SIBLING, LATER))) {
            assertRejected(() -> ledger.export(other.resume(cursor).build(), untouched), "cursor", "of others");
        }
        assertRejected(
                () -> ledger.export(
                        request(ExportRequest.Format.JSON, ExportRequest.Compression.NONE)
                                .resume("x" + cursor)
                                .build(),
                        untouched),
                "cursor must be one that this library has given out");
    }
}
