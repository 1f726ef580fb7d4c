package io.usagekit.testkit.mutants;

import static io.usagekit.testkit.mutants.EventRepositoryMutantsTest.mutant;

import io.usagekit.events.EventFilter;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventWindow;
import io.usagekit.events.ExportProgress;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.ExportResult;
import io.usagekit.testkit.InMemoryEventRepository;
import io.usagekit.testkit.mutants.EventRepositoryMutantsTest.Adapter;
import java.io.ByteArrayOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** Ledgers that export wrongly, or accept bad arguments. */
final class LedgerExportMutants {

    private LedgerExportMutants() {}

    static List<Mutant<Adapter>> all() {
        return Stream.of(wrongExports(), wrongBounds()).flatMap(List::stream).toList();
    }

    private static Mutant<Adapter> exported(String fault, String check, Exporter exporter) {
        return mutant(fault, check, ledger -> new ForwardingEventRepository(ledger) {
            @Override
            public ExportResult export(ExportRequest request, OutputStream sink) {
                return exporter.export(right, request, sink);
            }
        });
    }

    private interface Exporter {
        ExportResult export(InMemoryEventRepository ledger, ExportRequest request, OutputStream sink);
    }

    private static ExportRequest.Builder copyRequest(ExportRequest request) {
        return request.projectId()
                .map(id -> ExportRequest.builder(id, request.before()))
                .orElseGet(() -> ExportRequest.ofAllProjects(request.before()))
                .format(request.format())
                .compression(request.compression());
    }

    /** The same request but for what the change makes of its choices. */
    private static Mutant<Adapter> chosen(String fault, UnaryOperator<ExportRequest.Builder> change) {
        return exported(fault, "exportsFromInstantDeletedOnesAndEndpointsWhereAskedFor", (ledger, request, sink) -> {
            ExportRequest.Builder copy = copyRequest(request).state(request.state());
            request.from().ifPresent(copy::from);
            return ledger.export(
                    change.apply(request.hasEndpoints() ? copy.withEndpoints() : copy)
                            .build(),
                    sink);
        });
    }

    private static final class Stopped extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    /** Exports in two snapshots: the first batch, and the rest. */
    private static ExportResult exportInTwoSnapshots(
            InMemoryEventRepository ledger, ExportRequest request, OutputStream sink) {
        ByteArrayOutputStream first = new ByteArrayOutputStream();
        List<ExportProgress> reached = new ArrayList<>();
        try {
            return ledger.export(
                    copyRequest(request)
                            .listener(progress -> {
                                reached.add(progress);
                                throw new Stopped();
                            })
                            .build(),
                    first);
        } catch (Stopped e) {
            ExportProgress progress = reached.get(0);
            try {
                sink.write(first.toByteArray(), 0, Math.toIntExact(progress.octets()));
            } catch (IOException unexpected) {
                throw new UncheckedIOException(unexpected);
            }
            request.listener().accept(progress);
            ExportResult rest = ledger.export(
                    copyRequest(request).resume(progress.cursor().orElseThrow()).build(), sink);
            return new ExportResult(progress.events() + rest.events(), progress.octets() + rest.octets());
        }
    }

    private static List<Mutant<Adapter>> wrongExports() {
        return List.of(
                exported(
                        "two snapshots",
                        "exportsEventsAsTheyWereAtOneMoment",
                        LedgerExportMutants::exportInTwoSnapshots),
                exported(
                        "the sink is closed",
                        "exportsEmptyArrayOrNoLineWhenNothingMatches",
                        (ledger, request, sink) -> {
                            try (sink) {
                                return ledger.export(request, sink);
                            } catch (IOException e) {
                                throw new UncheckedIOException(e);
                            }
                        }),
                exported(
                        "the sink isn't flushed",
                        "exportsEmptyArrayOrNoLineWhenNothingMatches",
                        (ledger, request, sink) -> ledger.export(request, new FilterOutputStream(sink) {
                            @Override
                            public void flush() {}
                        })),
                exported("octets are counted as events", "exportsEveryPublicFieldOnly", (ledger, request, sink) -> {
                    ExportResult result = ledger.export(request, sink);
                    return new ExportResult(result.events(), result.events());
                }),
                exported(
                        "one format",
                        "exportsEveryPublicFieldOnly",
                        (ledger, request, sink) -> ledger.export(
                                copyRequest(request)
                                        .format(ExportRequest.Format.NDJSON)
                                        .build(),
                                sink)),
                exported(
                        "no progress",
                        "reportsProgressAfterEachBatchAndResumesFromAnyOfThem",
                        (ledger, request, sink) -> {
                            ExportRequest.Builder copy = copyRequest(request);
                            request.cursor().ifPresent(copy::resume);
                            return ledger.export(copy.build(), sink);
                        }),
                exported(
                        "an exception of the callback is lost",
                        "endsExportWithExceptionOfProgressCallback",
                        (ledger, request, sink) -> {
                            ExportRequest.Builder copy = copyRequest(request).listener(progress -> {
                                try {
                                    request.listener().accept(progress);
                                } catch (RuntimeException e) {
                                    // lost
                                }
                            });
                            request.cursor().ifPresent(copy::resume);
                            return ledger.export(copy.build(), sink);
                        }),
                exported("a cursor of any export", "rejectsCursorOfAnotherExport", (ledger, request, sink) -> {
                    try {
                        return ledger.export(request, sink);
                    } catch (IllegalArgumentException e) {
                        return new ExportResult(0, 0);
                    }
                }),
                chosen("events before the first instant", copy -> copy.from(Instant.EPOCH)),
                chosen("deleted ones are left out", copy -> copy.state(EventFilter.State.LIVE)),
                chosen("deleted ones are always exported", copy -> copy.state(EventFilter.State.ANY)),
                exported(
                        "endpoints are always exported",
                        "exportsEveryPublicFieldOnly",
                        (ledger, request, sink) -> ledger.export(
                                copyRequest(request).withEndpoints().build(), sink)),
                exported(
                        "endpoints are never exported",
                        "exportsFromInstantDeletedOnesAndEndpointsWhereAskedFor",
                        (ledger, request, sink) -> {
                            ExportRequest.Builder copy = copyRequest(request).state(request.state());
                            request.from().ifPresent(copy::from);
                            return ledger.export(copy.build(), sink);
                        }),
                exported(
                        "one project of all",
                        "exportsProjectsOneAfterTheOther",
                        (ledger, request, sink) -> ledger.export(
                                ExportRequest.builder("project-1", request.before())
                                        .format(request.format())
                                        .build(),
                                sink)),
                exported(
                        "events after the instant",
                        "exportsLiveEventsOfProjectBeforeInstantInOrder",
                        (ledger, request, sink) -> ledger.export(
                                ExportRequest.builder(
                                                request.projectId().orElseThrow(),
                                                request.before().plusSeconds(1))
                                        .format(request.format())
                                        .build(),
                                sink)));
    }

    private static List<Mutant<Adapter>> wrongBounds() {
        return List.of(
                mutant(
                        "no check of a project's id",
                        "rejectsIdsOutOfBounds",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public long count(String projectId, EventFilter filter) {
                                try {
                                    return right.count(projectId, filter);
                                } catch (IllegalArgumentException e) {
                                    return 0;
                                }
                            }
                        }),
                mutant(
                        "another exception for a bad id",
                        "rejectsIdsOutOfBounds",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public long delete(String projectId, EventWindow window) {
                                try {
                                    return right.delete(projectId, window);
                                } catch (IllegalArgumentException e) {
                                    throw new EventLedgerException("bad id", e);
                                }
                            }
                        }),
                mutant(
                        "no check of a status",
                        "rejectsTextsOutOfBounds",
                        ledger -> new ForwardingEventRepository(ledger) {
                            @Override
                            public boolean updateStatus(String projectId, String eventId, String status) {
                                try {
                                    return right.updateStatus(projectId, eventId, status);
                                } catch (IllegalArgumentException e) {
                                    return false;
                                }
                            }
                        }));
    }
}
