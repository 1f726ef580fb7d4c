/** Real PostgreSQL and Redis for tests: servers that are running already, embedded ones, or containers. */
@NullMarked
package io.usagekit.servers;

import org.jspecify.annotations.NullMarked;
