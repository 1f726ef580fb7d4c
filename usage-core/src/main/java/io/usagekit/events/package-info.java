/** The event ledger: what a figure is made of. Begin with {@link io.usagekit.events.EventRepository}. */
@NullMarked
package io.usagekit.events;

import org.jspecify.annotations.NullMarked;
