/** A host with Spring Boot. */
@NullMarked
package io.usagekit.hosts.spring;

import org.jspecify.annotations.NullMarked;
