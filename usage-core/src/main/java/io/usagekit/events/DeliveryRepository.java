package io.usagekit.events;

import java.util.Collection;
import java.util.List;
import java.util.Set;

/**
 * Deliveries of the ledger, for operators: found by id, by event and by filters, counted, and given another status. {@link EventRepository} records them.
 *
 * <p>Every call names a project: what belongs to another project is absent. Each call is one transaction unless it says
 * otherwise. What can't be done is an {@link EventLedgerException}; what is out of bounds an {@link IllegalArgumentException} that names
 * the argument, its value and the bound, before anything is done.
 *
 * <p>Implementations are safe for use by many threads at once. All calls block.
 *
 * @since 0.1
 */
public interface DeliveryRepository {

    /**
     * Finds deliveries.
     *
     * @return those that exist, each once, in the requested order
     */
    List<Delivery> findAll(String projectId, Collection<String> deliveryIds);

    /**
     * Reads a page of a project's deliveries that meet a filter. What a page costs doesn't depend on how many are before it. Going
     * through all pages, each delivery that meets the filter all the while comes exactly once, whatever is recorded meanwhile; one that
     * is recorded meanwhile comes if its place is still ahead.
     *
     * @throws IllegalArgumentException if the cursor isn't one that was given out for this project, filter and order
     */
    Page<Delivery> page(String projectId, DeliveryFilter filter, PageRequest request);

    /**
     * Counts a project's deliveries that meet a filter, in groups by some of their properties.
     *
     * @param properties by which deliveries are grouped; none: one count of them all
     * @return a count for each group that has deliveries, by day, endpoint and status, both by code points; none if there are no deliveries
     */
    List<DeliveryCount> count(String projectId, DeliveryFilter filter, Set<DeliveryCount.Property> properties);

    /**
     * Sets the status of a project's deliveries that meet a filter, e.g. to have those that failed delivered again. Works through them in
     * batches, each a transaction of its own, so that what is done stays done when a later one fails. A delivery that another
     * transaction has changed meanwhile, so that it no longer meets the filter, stays as it is. {@link Delivery#SUCCESS} removes the
     * failure reasons of the deliveries that had another status; any other status leaves them.
     *
     * @param status at most 255 octets in UTF-8; {@link Delivery#SUCCESS} is counted as sent
     * @return how many deliveries had another status before
     */
    long updateStatus(String projectId, DeliveryFilter filter, String status);
}
