package io.usagekit.page;

import io.usagekit.UsageKey;
import io.usagekit.events.PageRequest;
import io.usagekit.postgres.rows.PostgresRows;
import io.usagekit.postgres.rows.ReceivedRow;
import io.usagekit.postgres.rows.RowFormat;
import io.usagekit.postgres.rows.RowPage;
import io.usagekit.postgres.rows.SentRow;
import java.io.OutputStream;

/** Source of the events and deliveries behind a figure. Thread-safe. */
public interface UsageRows {

    /**
     * Returns a page of the events that the figure counts as received.
     *
     * @throws IllegalArgumentException if the cursor belongs to another figure, side or order
     * @throws io.usagekit.UsageException if they can't be read
     */
    RowPage<ReceivedRow> received(UsageKey key, PageRequest request);

    /** Returns a page of the deliveries that the figure counts as sent; otherwise as {@link #received}. */
    RowPage<SentRow> sent(UsageKey key, PageRequest request);

    /**
     * Writes all events that the figure counts as received as CSV.
     *
     * @throws io.usagekit.UsageException if they can't be read or written; what the sink has received is incomplete then
     */
    void exportReceived(UsageKey key, OutputStream sink);

    /** Writes all deliveries that the figure counts as sent as CSV; otherwise as {@link #exportReceived}. */
    void exportSent(UsageKey key, OutputStream sink);

    /** Returns the rows of mapped tables. */
    static UsageRows of(PostgresRows rows) {
        return new UsageRows() {
            @Override
            public RowPage<ReceivedRow> received(UsageKey key, PageRequest request) {
                return rows.received(key, request);
            }

            @Override
            public RowPage<SentRow> sent(UsageKey key, PageRequest request) {
                return rows.sent(key, request);
            }

            @Override
            public void exportReceived(UsageKey key, OutputStream sink) {
                rows.exportReceived(key, RowFormat.CSV, sink);
            }

            @Override
            public void exportSent(UsageKey key, OutputStream sink) {
                rows.exportSent(key, RowFormat.CSV, sink);
            }
        };
    }
}
