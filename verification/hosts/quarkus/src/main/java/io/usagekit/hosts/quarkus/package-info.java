/** A host's wiring, which the build compiles. */
@NullMarked
package io.usagekit.hosts.quarkus;

import org.jspecify.annotations.NullMarked;
