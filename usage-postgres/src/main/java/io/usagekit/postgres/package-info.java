/**
 * The usage calculator on PostgreSQL 13 to 18: begin with {@link io.usagekit.postgres.PostgresUsage}. The statements stand in
 * resource files beside the classes.
 */
@NullMarked
package io.usagekit.postgres;

import org.jspecify.annotations.NullMarked;
