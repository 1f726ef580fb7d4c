/** A host's wiring, which the build compiles. */
@NullMarked
package io.usagekit.hosts.micronaut;

import org.jspecify.annotations.NullMarked;
