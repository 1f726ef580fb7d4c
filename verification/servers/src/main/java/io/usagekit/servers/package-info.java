/** Real PostgreSQL, Redis and ClickHouse for tests: servers that are running already, embedded ones, or containers. */
@NullMarked
package io.usagekit.servers;

import org.jspecify.annotations.NullMarked;
