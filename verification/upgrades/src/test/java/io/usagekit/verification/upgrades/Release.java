package io.usagekit.verification.upgrades;

import java.io.OutputStream;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;

/** One version of the library, with types that all versions share. */
public interface Release {

    /** Computes the figures of a service. */
    @FunctionalInterface
    interface Calculation {
        /** Returns volumes and octets: received, then sent. */
        long[] compute(String organisation, String period);
    }

    /** Name of the version. */
    String name();

    /** Starts a process: a service with a near cache and fleet-wide single-flight on this Redis. */
    Instance start(String redisUrl, Calculation calculation);

    /** Opens the tables of a schema. */
    Tables tables(DataSource dataSource, String schema);

    /** A process of this version. */
    interface Instance extends AutoCloseable {

        /** Returns the figure from the near cache, from Redis, from another process, or computed. */
        Figure get(String organisation, String period);

        /** Invalidates one figure. */
        void invalidate(String organisation, String period);

        /** Invalidates the figures of all periods. */
        void invalidate(String organisation);

        @Override
        void close();
    }

    /** The tables, roll-ups and ledger of a schema. */
    interface Tables {

        /** Installs everything, or upgrades it in place. */
        void install();

        /** Computes the figure from raw rows. */
        Figure calculate(String organisation, String period);

        /** Computes the figure from roll-ups, or from raw rows where there are none of this version. */
        Figure rolledUp(String organisation, String period);

        /** Number of figures that {@link #rolledUp} has read from roll-ups. */
        long readFromRollups();

        /** Runs the worker until nothing is left to do, a few times at most: writers may always be faster. */
        void roll();

        /** Number of rolled hours that differ from raw rows. */
        long drift();

        /** Deletes rows that are older; roll-ups retain what they counted. */
        void deleteBefore(Instant before);

        /** Partitions the tables by month. */
        void partition();

        /** Creates the partitions of coming months that are missing; returns their names. */
        List<String> createAhead();

        /** Whether this version knows the partitions of both tables as its own. */
        boolean isPartitioned();

        /** Records an event with a searchable text, to be delivered to {@code endpoint}. */
        boolean recordsDuplicate(String project, String event, String text, String idempotencyKey, Instant createdAt);

        /** Records a successful delivery. */
        void deliver(String project, String delivery, String event, Instant createdAt);

        /** Returns a page of a project's events, in the order of time. */
        Ids page(String project, Optional<String> cursor, int size);

        /** Makes a project's events findable by text. */
        void tokenise(String project);

        /** Returns the ids of the events that have this text. */
        List<String> search(String project, String text);

        /** Returns the ids of the events that are to be delivered to an endpoint. */
        List<String> deliveredTo(String project, String endpoint);

        /** Exports a project's events. */
        void export(String project, Instant before, OutputStream sink);
    }

    /** Ids of a page, and the cursors of its neighbours. */
    record Ids(List<String> ids, Optional<String> next, Optional<String> previous) {}
}
