package io.usagekit.postgres.rollups.internal;

import io.usagekit.UsageKey;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.CellReader;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.postgres.rollups.spi.ShippedUsage;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads the days that figures leave to a store, and has those shipped again that aren't what the manifest says. Thread-safe. */
public final class StoreReads {

    /** A store that differs twice may have lost cells; once, it may have removed superseded ones meanwhile, or a replica may lag. */
    public static final int ATTEMPTS = 2;

    private static final Logger LOG = LoggerFactory.getLogger(RollupFeed.class);

    private final PostgresRollupFeed feed;
    private final CellReader reader;
    private final CellReadListener listener;

    StoreReads(PostgresRollupFeed feed, CellReader reader, CellReadListener listener) {
        this.feed = feed;
        this.reader = Objects.requireNonNull(reader, "reader");
        this.listener = Objects.requireNonNull(listener, "listener");
    }

    /**
     * Reads days as {@link CellReader#read} does; nothing if there are none.
     *
     * @param key of whose figure they are; empty if they are of all organisations
     */
    public Map<String, List<ShippedUsage>> read(
            Optional<UsageKey> key, ShippedDays shipped, List<Instant> edges, Duration timeout) {
        if (shipped.days().isEmpty()) {
            return Map.of();
        }
        try {
            return reader.read(shipped.published(), shipped.days(), edges, timeout);
        } catch (RuntimeException e) {
            key.ifPresent(of -> report(to -> to.readFailed(of, e)));
            throw e;
        }
    }

    /**
     * Has days shipped again whose cells aren't those of the manifest. Another session may lock the ship list: then roll-ups answer all the same, in
     * the other half of the time.
     *
     * @param left the time that is left for both
     */
    public void refuse(Optional<UsageKey> key, List<ProjectDays> differing, Duration left) {
        boolean reshipped = true;
        try {
            feed.reship(differing, Duration.ofMillis(Math.max(1, left.toMillis() / 2)));
        } catch (UsageStorageException e) {
            reshipped = false;
            LOG.warn("days whose cells aren't those of the manifest can't be shipped again: {}", e.getMessage());
        }
        boolean isListed = reshipped;
        key.ifPresent(of -> report(to -> to.refused(of, differing, isListed)));
    }

    /** Notifies the listener. */
    public void report(Consumer<CellReadListener> call) {
        try {
            call.accept(listener);
        } catch (RuntimeException e) {
            LOG.warn("the listener of the feed in the schema {} threw an exception", feed.schema(), e);
        }
    }
}
