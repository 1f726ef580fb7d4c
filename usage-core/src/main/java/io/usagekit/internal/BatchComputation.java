package io.usagekit.internal;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * One call of the calculator for several figures, under one permit: one of all, and one of each organisation in it. Where it has
 * several organisations, figures of one that has no permit left are computed by themselves, so that they hold up no others.
 */
final class BatchComputation extends PermittedTask implements Permits.BatchHolder {

    private final Computations computations;
    private final List<Computation> requested;
    private final AtomicInteger unfinished = new AtomicInteger();
    private final Set<Computation> ended = ConcurrentHashMap.newKeySet();
    private volatile List<Computation> members = List.of();

    /** A batch of computations for the same purpose. */
    BatchComputation(Computations computations, List<Computation> requested) {
        super(computations, requested.get(0).purpose(), requested.get(0).home());
        this.computations = computations;
        this.requested = List.copyOf(requested);
    }

    void start() {
        Set<String> organisations = new LinkedHashSet<>();
        requested.forEach(one -> organisations.add(one.key().organisationId()));
        if (organisations.size() == 1) {
            startForOne(organisations.iterator().next());
            return;
        }
        request(() -> computations.permits().requestFor(organisations, urgency(), this));
        List<Computation> together = members;
        for (Computation one : requested) {
            if (!together.contains(one)) {
                var unused = one.start();
            }
        }
    }

    /** Holds up no other organisation, so that it waits as it is, in one place of the queue. */
    private void startForOne(String organisationId) {
        take(requested);
        request(() -> computations.permits().request(organisationId, urgency(), this));
    }

    @Override
    public void admitted(Set<String> organisationIds) {
        take(requested.stream()
                .filter(one -> organisationIds.contains(one.key().organisationId()))
                .toList());
    }

    private void take(List<Computation> admitted) {
        unfinished.set(admitted.size());
        members = admitted;
        for (Computation one : admitted) {
            one.startIn(this);
            if (one.isOver()) {
                ended(one); // it may have ended without knowing this batch
            }
        }
    }

    @Override
    boolean isOver() {
        return members.stream().allMatch(Computation::isOver);
    }

    @Override
    void waits() {
        each(Computation::waits);
    }

    @Override
    CompletableFuture<Void> prepare() {
        return CompletableFuture.allOf(
                members.stream().map(Computation::prepare).toArray(CompletableFuture<?>[]::new));
    }

    @Override
    void permitWaited(Duration waited) {
        members.forEach(one -> one.permitWaited(waited));
    }

    @Override
    void overloaded() {
        each(Computation::overloaded);
    }

    @Override
    void dropped() {
        each(Computation::dropped);
    }

    @Override
    public void refused() {
        each(Computation::refused);
    }

    @Override
    void handOverFailed(Throwable error) {
        each(one -> one.handOverFailed(error));
    }

    private void each(Consumer<Computation> action) {
        members.forEach(action);
    }

    @Override
    void compute() {
        List<Computation> begun = new ArrayList<>();
        Duration shortest = Duration.ZERO;
        for (Computation one : members) {
            Duration left = one.left();
            if (one.begin(left)) {
                shortest = begun.isEmpty() || left.compareTo(shortest) < 0 ? left : shortest;
                begun.add(one);
            }
        }
        if (begun.isEmpty()) {
            giveBack();
            return;
        }
        long began = computations.now();
        UsageCalculator.Figures figures;
        try {
            List<UsageKey> keys = begun.stream().map(Computation::key).toList();
            figures = Objects.requireNonNull(
                    computations.calculator().calculateAll(keys, shortest), "the calculator returned no figures");
        } catch (Throwable error) {
            giveBack();
            begun.forEach(one -> one.failed(error));
            return;
        }
        long ended = computations.now();
        giveBack();
        begun.forEach(one -> complete(one, figures, began, ended));
    }

    private static void complete(Computation one, UsageCalculator.Figures figures, long began, long ended) {
        UsageKey key = one.key();
        OrganisationUsage figure = figures.figures().get(key);
        UsageException failure = figures.failures().get(key);
        if (figure != null) {
            one.succeeded(figure, began, ended);
        } else if (failure != null) {
            one.failed(failure);
        } else {
            one.failed(new UsageCalculationException("the calculator returned no outcome for " + key, null));
        }
    }

    /** One member has failed; when all have before the calculator was called, the permit isn't needed any more. Idempotent. */
    void ended(Computation one) {
        if (ended.add(one) && unfinished.decrementAndGet() == 0) {
            giveBack();
        }
    }
}
