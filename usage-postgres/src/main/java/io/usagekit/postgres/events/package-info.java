/**
 * The event ledger on PostgreSQL, over the library's own tables: begin with
 * {@link io.usagekit.postgres.events.PostgresLedger}. The statements stand in resource files beside the classes.
 */
@NullMarked
package io.usagekit.postgres.events;

import org.jspecify.annotations.NullMarked;
