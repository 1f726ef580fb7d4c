package io.usagekit.internal;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsageResult;
import io.usagekit.UsageResults;
import io.usagekit.UsageService;
import io.usagekit.internal.flight.Causes;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** The answer to a call for several figures: each is answered as by itself, with one read of the cache and one batch of loads for all. */
final class BulkAnswer {

    /** Answers from this process's memory. */
    @FunctionalInterface
    interface Hit {
        UsageResult of(UsageKey key, AgedUsage figure, LoadBatch batch);
    }

    /** Answers from what the cache returned, or by a load. */
    @FunctionalInterface
    interface Answer {
        CompletableFuture<UsageResult> of(UsageKey key, Lookup lookup, LoadBatch batch);
    }

    private final Set<UsageKey> keys;
    private final Computations computations;
    private final Hit hit;
    private final Answer answer;

    /** Reads nothing yet; refuses more than {@link UsageService#MAX_FIGURES} keys. */
    BulkAnswer(Set<UsageKey> keys, Computations computations, Hit hit, Answer answer) {
        if (keys.size() > UsageService.MAX_FIGURES) {
            throw new IllegalArgumentException("at most " + UsageService.MAX_FIGURES
                    + " figures can be requested at once, but were " + keys.size());
        }
        this.keys = keys;
        this.computations = computations;
        this.hit = hit;
        this.answer = answer;
    }

    /** What was found for each key. */
    private record Found(Map<UsageKey, AgedUsage> near, Map<UsageKey, CompletableFuture<Lookup>> read) {

        CompletableFuture<Void> done() {
            return CompletableFuture.allOf(read.values().toArray(CompletableFuture<?>[]::new));
        }
    }

    /** Answers on the calling thread. */
    UsageResults await() {
        Found found = find();
        Futures.await(found.done());
        return Futures.await(answerAll(found));
    }

    CompletableFuture<UsageResults> start() {
        Found found = find();
        CompletableFuture<Void> done = found.done();
        return done.isDone() ? answerAll(found) : done.thenComposeAsync(all -> answerAll(found));
    }

    private Found find() {
        Map<UsageKey, AgedUsage> near = new LinkedHashMap<>();
        List<UsageKey> others = new ArrayList<>();
        for (UsageKey key : keys) {
            Optional<AgedUsage> figure = computations.cache().near(key);
            if (figure.isPresent()) {
                near.put(key, figure.get());
            } else {
                others.add(key);
            }
        }
        return new Found(near, computations.cache().readAll(others));
    }

    private CompletableFuture<UsageResults> answerAll(Found found) {
        LoadBatch batch = new LoadBatch(computations);
        Map<UsageKey, CompletableFuture<UsageResult>> answers = new LinkedHashMap<>();
        try {
            for (UsageKey key : keys) {
                answers.put(key, answer(key, found, batch));
            }
        } finally {
            batch.seal();
        }
        CompletableFuture<?>[] settled = answers.values().stream()
                .map(one -> one.handle((result, error) -> null))
                .toArray(CompletableFuture<?>[]::new);
        return CompletableFuture.allOf(settled).thenApply(all -> collect(answers));
    }

    private CompletableFuture<UsageResult> answer(UsageKey key, Found found, LoadBatch batch) {
        AgedUsage near = found.near().get(key);
        if (near != null) {
            return Futures.of(() -> CompletableFuture.completedFuture(hit.of(key, near, batch)));
        }
        CompletableFuture<Lookup> read = Objects.requireNonNull(found.read().get(key), "not read");
        return Futures.of(() -> answer.of(key, read.join(), batch));
    }

    private static UsageResults collect(Map<UsageKey, CompletableFuture<UsageResult>> answers) {
        Map<UsageKey, UsageResult> results = new LinkedHashMap<>();
        Map<UsageKey, UsageException> failures = new LinkedHashMap<>();
        answers.forEach((key, answer) -> {
            try {
                results.put(key, answer.join());
            } catch (RuntimeException e) {
                failures.put(key, failure(key, Causes.unwrap(e)));
            }
        });
        return new UsageResults(results, failures);
    }

    private static UsageException failure(UsageKey key, Throwable cause) {
        return cause instanceof UsageException known
                ? known
                : new UsageCalculationException("the usage of " + key + " can't be computed: " + cause, cause);
    }
}
