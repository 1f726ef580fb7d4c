package io.usagekit.redis;

import io.usagekit.AgedUsage;
import io.usagekit.UsageKey;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Reads that several calls for one figure share: at most {@value #MOST} of a key are under way. Further calls share the one that begins when
 * one of these has ended, so that each call is answered by a read that began after it: an earlier one may have found what was invalidated
 * before the call. Thread-safe.
 */
final class SharedReads {

    /** More than one, so that two calls don't wait for each other. */
    private static final int MOST = 2;

    /** A read; its fields are set by its own thread before others can find it, or while the map holds the key's lock. */
    private static final class Read extends CompletableFuture<Optional<AgedUsage>> {
        private final UsageKey key;
        private boolean isDue;
        /** The read that answers the call: this one, or one that was to begin already. */
        private Read answer = this;
        /** The read to begin when this one has ended. */
        private @Nullable Read successor;

        Read(UsageKey key) {
            this.key = key;
        }
    }

    /** The reads of a key. */
    private static final class Reads {
        private int underWay;
        private @Nullable Read next;

        Reads admit(Read read) {
            if (underWay < MOST) {
                underWay++;
                read.isDue = true;
            } else if (next == null) {
                next = read;
            } else {
                read.answer = next;
            }
            return this;
        }

        /** Returns null if nothing is under way any more. */
        @Nullable
        Reads end(Read read) {
            read.successor = next;
            next = null;
            if (read.successor == null) {
                underWay--;
            }
            return underWay == 0 ? null : this;
        }
    }

    private final ConcurrentHashMap<UsageKey, Reads> keys = new ConcurrentHashMap<>();
    private final Function<UsageKey, CompletionStage<Optional<AgedUsage>>> cache;

    /**
     * Creates it.
     *
     * @param cache what is read; each of its stages completes, within the time of a command
     */
    SharedReads(Function<UsageKey, CompletionStage<Optional<AgedUsage>>> cache) {
        this.cache = cache;
    }

    CompletionStage<Optional<AgedUsage>> read(UsageKey key) {
        Read read = new Read(key);
        if (keys.putIfAbsent(key, new Reads().admit(read)) != null) {
            read.isDue = false;
            keys.compute(key, (same, reads) -> (reads == null ? new Reads() : reads).admit(read));
        }
        if (read.isDue) {
            send(read);
            return read; // which answers no other call
        }
        return read.answer.minimalCompletionStage();
    }

    private void send(Read read) {
        var unused = request(read.key).whenComplete((found, error) -> {
            keys.computeIfPresent(read.key, (same, reads) -> reads.end(read));
            if (error == null) {
                read.complete(found);
            } else {
                read.completeExceptionally(error);
            }
            if (read.successor != null) {
                send(read.successor);
            }
        });
    }

    private CompletionStage<Optional<AgedUsage>> request(UsageKey key) {
        try {
            return cache.apply(key);
        } catch (RuntimeException | Error e) {
            return CompletableFuture.failedFuture(e);
        }
    }
}
