package io.usagekit.testkit.mutants;

import io.usagekit.LoadOutcome;
import io.usagekit.LoadTerms;
import io.usagekit.SingleFlight;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** A host's single-flight by maps under a lock, right but for one fault. */
final class FaultySingleFlight implements SingleFlight {

    /** What is wrong, and the case of the contract that reports it. */
    enum Fault {
        NONE(""),
        RUNS_EVERY_LOAD("sharesOneLoadAndItsFigureAmongManyThreads"),
        LOOKS_UP_AND_THEN_STARTS("sharesOneLoadAndItsFigureAmongManyThreads"),
        COMPUTES_FOR_FOLLOWERS("sharesOneLoadAndItsFigureAmongManyThreads"),
        ONE_LOAD_AN_ORGANISATION("loadsDifferentKeysIndependently"),
        KEY_WITH_LABEL("joinsLoadOfSameWindowUnderAnyLabel"),
        KEEPS_KEY_AFTER_FAILURE("sharesFailureWithFollowersOnly"),
        WRAPS_FAILURE("sharesFailureWithFollowersOnly"),
        KEEPS_KEY_AFTER_FIGURE("returnsNoOutcomeToACallMadeAfterItsLoadHadCompleted"),
        FREES_KEY_AFTER_COMPLETING("freesTheKeyBeforeCallersReceiveTheOutcome"),
        SHARES_ONE_STAGE("isolatesCallersFromEachOthersStages"),
        CANCELS_WITH_A_CALLER("isolatesCallersFromEachOthersStages"),
        IGNORES_TIMEOUT("failsTimedOutLoadForAllFollowersAndFreesTheKey"),
        KEEPS_KEY_AFTER_TIMEOUT("failsTimedOutLoadForAllFollowersAndFreesTheKey"),
        ANOTHER_EXCEPTION_AFTER_TIMEOUT("failsTimedOutLoadForAllFollowersAndFreesTheKey"),
        BLOCKS_CALLER("returnsWithoutWaitingForTheLoad"),
        READS_TERMS_OF_FOLLOWER("readsTheTermsOfTheLeadersLoadBeforeItReturnsAndCallsNothingOnAFollowers"),
        READS_TERMS_LATE("readsTheTermsOfTheLeadersLoadBeforeItReturnsAndCallsNothingOnAFollowers"),
        NEVER_STORES("storesTheFigureOnceBeforeItCompletes"),
        STORES_TWICE("storesTheFigureOnceBeforeItCompletes"),
        COMPLETES_BEFORE_STORED("storesTheFigureOnceBeforeItCompletes"),
        FAILS_WITH_STORE("returnsTheFigureWhenItCannotBeStored"),
        FAILS_WHEN_STORE_THROWS("returnsTheFigureWhenStoringThrows"),
        STORES_WHAT_IS_INVALIDATED("storesNothingWhenTheKeyWasInvalidatedSinceTheLoadBegan"),
        INVALIDATES_BEFORE_STORE_ENDS("invalidatesOnlyAfterStoreInProgress"),
        FAILS_CALLERS_OF_INVALIDATED_LOAD("completesInvalidatedLoadForItsFollowersAndStartsAnotherForNextCaller"),
        JOINS_INVALIDATED_LOAD("completesInvalidatedLoadForItsFollowersAndStartsAnotherForNextCaller"),
        INVALIDATES_NO_ORGANISATION("completesInvalidatedLoadForItsFollowersAndStartsAnotherForNextCaller"),
        INVALIDATES_EVERY_ORGANISATION("completesInvalidatedLoadForItsFollowersAndStartsAnotherForNextCaller"),
        ENDS_SUCCESSOR_OF_INVALIDATED_LOAD("keepsSuccessorInFlightWhenInvalidatedLoadEnds"),
        REPORTS_EVERY_FIGURE_AS_COMPUTED("returnsTheOriginThatTheLoadReports"),
        THROWS_WHAT_THE_LOAD_THROWS("failsWhenTheLoadThrowsAndFreesTheKey"),
        KEEPS_KEY_WHEN_THE_LOAD_THROWS("failsWhenTheLoadThrowsAndFreesTheKey"),
        LEAVES_LOADS_WHEN_CLOSED("failsLoadsInFlightAndLaterOnesOnceClosed"),
        RUNS_LOADS_WHEN_CLOSED("failsLoadsInFlightAndLaterOnesOnceClosed"),
        ANOTHER_EXCEPTION_WHEN_CLOSED("failsLoadsInFlightAndLaterOnesOnceClosed"),
        THROWS_AT_SECOND_CLOSE("allowsClosingTwice");

        private final String check;

        Fault(String check) {
            this.check = check;
        }

        String check() {
            return check;
        }
    }

    private static final class Flight {
        final UsageKey key;
        final CompletableFuture<LoadOutcome> outcome = new CompletableFuture<>();
        /** Completes when the store that is under way has ended; null if none is. */
        @Nullable
        CompletableFuture<Void> storing;
        /** Whether it may not begin to store. */
        boolean sealed;

        Flight(UsageKey key) {
            this.key = key;
        }
    }

    private final Fault fault;
    private final Map<Object, Flight> inFlight = new HashMap<>();
    private final Set<Flight> unfinished = new HashSet<>();
    private boolean closed;

    FaultySingleFlight(Fault fault) {
        this.fault = fault;
    }

    private Object mapKey(UsageKey key) {
        return switch (fault) {
            case ONE_LOAD_AN_ORGANISATION -> key.organisationId();
            case KEY_WITH_LABEL -> List.of(key, key.period().label());
            default -> key;
        };
    }

    private synchronized @Nullable Flight current(UsageKey key) {
        return fault == Fault.RUNS_EVERY_LOAD ? null : inFlight.get(mapKey(key));
    }

    private synchronized @Nullable Flight putIfAbsent(Flight flight) {
        Flight first = fault == Fault.LOOKS_UP_AND_THEN_STARTS ? null : current(flight.key);
        if (first == null) {
            inFlight.put(mapKey(flight.key), flight);
            unfinished.add(flight);
        }
        return first;
    }

    @Override
    public CompletionStage<LoadOutcome> run(UsageKey key, Load load) {
        Flight first = current(key);
        if (first == null) {
            LockSupport.parkNanos(fault == Fault.LOOKS_UP_AND_THEN_STARTS ? 1_000 : 0);
            Flight flight = new Flight(key);
            first = putIfAbsent(flight);
            if (first == null) {
                lead(flight, load);
                return joined(flight);
            }
        }
        if (fault == Fault.READS_TERMS_OF_FOLLOWER) {
            load.terms();
        }
        if (fault == Fault.COMPUTES_FOR_FOLLOWERS) {
            var unused = load.compute();
        }
        return joined(first);
    }

    private CompletionStage<LoadOutcome> joined(Flight flight) {
        if (fault == Fault.SHARES_ONE_STAGE) {
            return flight.outcome;
        }
        CompletableFuture<LoadOutcome> copy = flight.outcome.copy();
        if (fault == Fault.CANCELS_WITH_A_CALLER) {
            var unused = copy.whenComplete((outcome, error) -> {
                if (copy.isCancelled()) {
                    end(flight, null, new CancellationException("by a caller"));
                }
            });
        }
        return copy;
    }

    private void lead(Flight flight, Load load) {
        if (isClosed() && fault != Fault.RUNS_LOADS_WHEN_CLOSED) {
            end(flight, null, closed());
            return;
        }
        LoadTerms terms = fault == Fault.READS_TERMS_LATE ? null : load.terms();
        CompletionStage<LoadOutcome> computing;
        try {
            computing = load.compute();
        } catch (Throwable e) {
            if (fault == Fault.THROWS_WHAT_THE_LOAD_THROWS) {
                end(flight, null, e);
                throw e;
            }
            if (fault == Fault.KEEPS_KEY_WHEN_THE_LOAD_THROWS) {
                flight.outcome.completeExceptionally(e);
                return;
            }
            computing = CompletableFuture.failedFuture(e);
        }
        CompletableFuture<LoadOutcome> loading =
                computing.thenCompose(outcome -> stored(flight, load, outcome)).toCompletableFuture();
        if (terms != null && fault != Fault.IGNORES_TIMEOUT) {
            loading = loading.orTimeout(terms.timeout().toNanos(), TimeUnit.NANOSECONDS);
        }
        if (fault == Fault.READS_TERMS_LATE) {
            loading = loading.whenComplete((outcome, error) -> load.terms());
        }
        var unused = loading.whenComplete((outcome, error) -> end(flight, outcome, unwrapped(error)));
        if (fault == Fault.BLOCKS_CALLER) {
            flight.outcome.handle((outcome, error) -> outcome).join();
        }
    }

    private CompletionStage<LoadOutcome> stored(Flight flight, Load load, LoadOutcome outcome) {
        CompletableFuture<Void> storing = new CompletableFuture<>();
        synchronized (this) {
            if (flight.sealed) {
                return CompletableFuture.completedFuture(outcome);
            }
            flight.storing = storing;
        }
        if (fault == Fault.NEVER_STORES) {
            storing.complete(null);
            return CompletableFuture.completedFuture(outcome);
        }
        CompletionStage<Void> store;
        try {
            store = load.store(outcome);
            if (fault == Fault.STORES_TWICE) {
                store = load.store(outcome);
            }
        } catch (RuntimeException e) {
            if (fault == Fault.FAILS_WHEN_STORE_THROWS) {
                storing.complete(null);
                throw e;
            }
            store = CompletableFuture.failedFuture(e);
        }
        CompletionStage<LoadOutcome> done = store.handle((stored, error) -> {
            storing.complete(null);
            if (fault == Fault.FAILS_WITH_STORE && error != null) {
                throw new CompletionException(error);
            }
            return outcome;
        });
        return fault == Fault.COMPLETES_BEFORE_STORED ? CompletableFuture.completedFuture(outcome) : done;
    }

    private static @Nullable Throwable unwrapped(@Nullable Throwable error) {
        return error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
    }

    private void end(Flight flight, @Nullable LoadOutcome outcome, @Nullable Throwable error) {
        boolean keepsKey = (fault == Fault.KEEPS_KEY_AFTER_FAILURE && error != null)
                || (fault == Fault.KEEPS_KEY_AFTER_FIGURE && error == null)
                || (fault == Fault.KEEPS_KEY_AFTER_TIMEOUT && error instanceof TimeoutException);
        if (fault == Fault.FREES_KEY_AFTER_COMPLETING) {
            complete(flight, outcome, error);
        }
        synchronized (this) {
            flight.sealed = true;
            if (fault == Fault.ENDS_SUCCESSOR_OF_INVALIDATED_LOAD) {
                inFlight.remove(mapKey(flight.key));
            } else if (!keepsKey) {
                inFlight.remove(mapKey(flight.key), flight);
            }
            if (flight.storing == null || flight.storing.isDone()) {
                unfinished.remove(flight);
            }
        }
        complete(flight, outcome, error);
    }

    private void complete(Flight flight, @Nullable LoadOutcome outcome, @Nullable Throwable error) {
        if (outcome == null) {
            Throwable cause = error == null ? new IllegalStateException("no outcome") : error;
            flight.outcome.completeExceptionally(
                    switch (fault) {
                        case WRAPS_FAILURE -> new UsageCalculationException("a load failed: " + cause, cause);
                        case ANOTHER_EXCEPTION_AFTER_TIMEOUT ->
                            cause instanceof TimeoutException
                                    ? new UsageCalculationException("timed out", cause)
                                    : cause;
                        default -> cause;
                    });
        } else {
            flight.outcome.complete(
                    fault == Fault.REPORTS_EVERY_FIGURE_AS_COMPUTED
                            ? LoadOutcome.computed(outcome.figure().orElseThrow())
                            : outcome);
        }
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        return invalidate(key::equals);
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return switch (fault) {
            case INVALIDATES_NO_ORGANISATION -> CompletableFuture.completedFuture(null);
            case INVALIDATES_EVERY_ORGANISATION -> invalidate((UsageKey key) -> true);
            default -> invalidate((UsageKey key) -> key.organisationId().equals(organisationId));
        };
    }

    private CompletionStage<Void> invalidate(Predicate<UsageKey> which) {
        List<Flight> flights;
        List<CompletableFuture<Void>> stores = new ArrayList<>();
        synchronized (this) {
            flights =
                    unfinished.stream().filter(flight -> which.test(flight.key)).toList();
            for (Flight flight : flights) {
                if (fault != Fault.JOINS_INVALIDATED_LOAD) {
                    inFlight.remove(mapKey(flight.key), flight);
                }
                if (flight.storing != null && fault != Fault.INVALIDATES_BEFORE_STORE_ENDS) {
                    stores.add(flight.storing);
                } else if (fault != Fault.STORES_WHAT_IS_INVALIDATED) {
                    flight.sealed = true;
                }
            }
        }
        if (fault == Fault.FAILS_CALLERS_OF_INVALIDATED_LOAD) {
            flights.forEach(flight -> end(flight, null, new UsageCalculationException("invalidated", null)));
        }
        return CompletableFuture.allOf(stores.toArray(CompletableFuture<?>[]::new));
    }

    private synchronized boolean isClosed() {
        return closed;
    }

    private RuntimeException closed() {
        return fault == Fault.ANOTHER_EXCEPTION_WHEN_CLOSED
                ? new IllegalStateException("closed")
                : new UsageCalculationException("the single-flight is closed", null);
    }

    @Override
    public void close() {
        List<Flight> flights;
        synchronized (this) {
            if (closed && fault == Fault.THROWS_AT_SECOND_CLOSE) {
                throw new IllegalStateException("closed already");
            }
            closed = true;
            flights = List.copyOf(unfinished);
        }
        if (fault != Fault.LEAVES_LOADS_WHEN_CLOSED) {
            flights.forEach(flight -> end(flight, null, closed()));
        }
    }
}
