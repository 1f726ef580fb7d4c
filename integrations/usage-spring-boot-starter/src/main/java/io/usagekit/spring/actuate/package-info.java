/** Health and an endpoint for operators, where the host has Spring Boot's Actuator. */
@NullMarked
package io.usagekit.spring.actuate;

import org.jspecify.annotations.NullMarked;
