package io.usagekit.events;

import java.util.Collection;
import java.util.List;

/**
 * Deliveries of the ledger, as operators look for them: by id, by event, and by filters. {@link EventRepository} records them.
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
}
