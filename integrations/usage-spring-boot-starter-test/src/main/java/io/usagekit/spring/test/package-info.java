/**
 * The usage service in memory, for tests of hosts with Spring Boot. {@link io.usagekit.spring.test.AutoConfigureInMemoryUsage} on a test class
 * is all it takes.
 */
@NullMarked
package io.usagekit.spring.test;

import org.jspecify.annotations.NullMarked;
