/**
 * What implementations of {@link io.usagekit.events.EventRepository} share: cursors, pages and exports, whatever the events are
 * stored in. Applications don't need it.
 */
@NullMarked
package io.usagekit.events.spi;

import org.jspecify.annotations.NullMarked;
