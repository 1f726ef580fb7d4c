/** A control plane on Spring Boot: figures, series, the usage page and health. */
@NullMarked
package io.usagekit.examples.spring;

import org.jspecify.annotations.NullMarked;
