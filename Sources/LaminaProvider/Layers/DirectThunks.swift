import CLamina
import Glibc

/// The table's functions for the calls that data take, which cost nothing that they can be spared: one for a type that sees
/// the calls alone, and one for all others. What they stand in the table of has what they look for.
enum DirectThunks {
    static func send(_ own: Conformances) -> lamina_send_function {
        own.isTimed && own.sendEnds != nil
            ? { laminaSDKSendSlowly($0, $1, $2, $3, $4) }
            : own.sendEnds == nil ? laminaSDKSend : own.sendCalls == nil ? laminaSDKSendWatched : laminaSDKSendSeenTwice
    }

    static func receive(_ own: Conformances) -> lamina_receive_function {
        own.isTimed && own.receiveEnds != nil
            ? { laminaSDKReceiveSlowly($0, $1, $2, $3, $4) }
            : own.receiveEnds == nil
                ? laminaSDKReceive : own.receiveCalls == nil ? laminaSDKReceiveWatched : laminaSDKReceiveSeenTwice
    }

    static func sendTo(_ own: Conformances) -> lamina_send_to_function {
        own.sendToEnds == nil
            ? laminaSDKSendTo : own.sendToCalls == nil ? laminaSDKSendToWatched : laminaSDKSendToSeenTwice
    }

    static func receiveFrom(_ own: Conformances) -> lamina_receive_from_function {
        own.receiveFromEnds == nil
            ? laminaSDKReceiveFrom
            : own.receiveFromCalls == nil ? laminaSDKReceiveFromWatched : laminaSDKReceiveFromSeenTwice
    }
}

@c(lamina_sdk_send) @inline(__always)
private func laminaSDKSend(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ buffers: UnsafePointer<lamina_buffer>,
    _ count: UInt32,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    let part = Part(open: slot)
    return part.own.sendCalls.unsafelyUnwrapped.enter(part, slot, buffers, count, flags, request)
}

@c(lamina_sdk_send_watched) @inline(__always)
private func laminaSDKSendWatched(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ buffers: UnsafePointer<lamina_buffer>,
    _ count: UInt32,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    guard Frame.pushInline(slot, request, laminaSDKSendEnded, nil) else {
        return laminaSDKSendSlowly(slot, buffers, count, flags, request)
    }
    return DirectLinks.send(slot, buffers, count, flags, request)
}

@c(lamina_sdk_send_seen_twice) @inline(__always)
private func laminaSDKSendSeenTwice(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ buffers: UnsafePointer<lamina_buffer>,
    _ count: UInt32,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    let part = Part(open: slot)
    guard Frame.pushInline(slot, request, laminaSDKSendEnded, nil) else {
        return laminaSDKSendSlowly(slot, buffers, count, flags, request)
    }
    return part.own.sendCalls.unsafelyUnwrapped.enter(part, slot, buffers, count, flags, request)
}

@inline(never)
private func laminaSDKSendSlowly(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ buffers: UnsafePointer<lamina_buffer>,
    _ count: UInt32,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    let part = Part(open: slot)
    guard Frame.push(slot, request, laminaSDKSendEnded, nil, part.own.timeStamp) else {
        return lamina_complete(slot, request, -ENOMEM, 0)
    }
    guard let calls = part.own.sendCalls else { return DirectLinks.send(slot, buffers, count, flags, request) }
    return calls.enter(part, slot, buffers, count, flags, request)
}

@c(lamina_sdk_send_ended) @inline(__always)
private func laminaSDKSendEnded(
    _ slot: UnsafeMutablePointer<lamina_slot>?,
    _ request: UnsafeMutablePointer<lamina_request>,
    _ context: UnsafeMutableRawPointer?
) -> lamina_status {
    guard let slot else { return 0 }
    let part = Part(open: slot)
    part.own.sendEnds.unsafelyUnwrapped.end(part, slot, request, request.pointee.bytes)
    return 0
}

@c(lamina_sdk_receive) @inline(__always)
private func laminaSDKReceive(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ buffers: UnsafePointer<lamina_buffer>,
    _ count: UInt32,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    let part = Part(open: slot)
    return part.own.receiveCalls.unsafelyUnwrapped.enter(part, slot, buffers, count, flags, request)
}

@c(lamina_sdk_receive_watched) @inline(__always)
private func laminaSDKReceiveWatched(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ buffers: UnsafePointer<lamina_buffer>,
    _ count: UInt32,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    guard Frame.pushInline(slot, request, laminaSDKReceiveEnded, UnsafeMutableRawPointer(bitPattern: UInt(flags)))
    else {
        return laminaSDKReceiveSlowly(slot, buffers, count, flags, request)
    }
    return DirectLinks.receive(slot, buffers, count, flags, request)
}

@c(lamina_sdk_receive_seen_twice) @inline(__always)
private func laminaSDKReceiveSeenTwice(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ buffers: UnsafePointer<lamina_buffer>,
    _ count: UInt32,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    let part = Part(open: slot)
    guard Frame.pushInline(slot, request, laminaSDKReceiveEnded, UnsafeMutableRawPointer(bitPattern: UInt(flags)))
    else {
        return laminaSDKReceiveSlowly(slot, buffers, count, flags, request)
    }
    return part.own.receiveCalls.unsafelyUnwrapped.enter(part, slot, buffers, count, flags, request)
}

@inline(never)
private func laminaSDKReceiveSlowly(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ buffers: UnsafePointer<lamina_buffer>,
    _ count: UInt32,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    let part = Part(open: slot)
    let bits = UnsafeMutableRawPointer(bitPattern: UInt(flags))
    guard Frame.push(slot, request, laminaSDKReceiveEnded, bits, part.own.timeStamp) else {
        return lamina_complete(slot, request, -ENOMEM, 0)
    }
    guard let calls = part.own.receiveCalls else { return DirectLinks.receive(slot, buffers, count, flags, request) }
    return calls.enter(part, slot, buffers, count, flags, request)
}

@c(lamina_sdk_receive_ended) @inline(__always)
private func laminaSDKReceiveEnded(
    _ slot: UnsafeMutablePointer<lamina_slot>?,
    _ request: UnsafeMutablePointer<lamina_request>,
    _ context: UnsafeMutableRawPointer?
) -> lamina_status {
    guard let slot else { return 0 }
    let part = Part(open: slot)
    part.own.receiveEnds.unsafelyUnwrapped.end(
        part,
        slot,
        request,
        Frame.isLook(UInt32(truncatingIfNeeded: UInt(bitPattern: context))) ? 0 : request.pointee.bytes
    )
    return 0
}

@c(lamina_sdk_send_to) @inline(__always)
private func laminaSDKSendTo(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ message: UnsafePointer<lamina_message>,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    let part = Part(open: slot)
    return part.own.sendToCalls.unsafelyUnwrapped.enter(part, slot, message, flags, request)
}

@c(lamina_sdk_send_to_watched) @inline(__always)
private func laminaSDKSendToWatched(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ message: UnsafePointer<lamina_message>,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    guard Frame.pushInline(slot, request, laminaSDKSendToEnded, nil) else {
        return laminaSDKSendToSlowly(slot, message, flags, request)
    }
    return DirectLinks.sendTo(slot, message, flags, request)
}

@c(lamina_sdk_send_to_seen_twice) @inline(__always)
private func laminaSDKSendToSeenTwice(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ message: UnsafePointer<lamina_message>,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    let part = Part(open: slot)
    guard Frame.pushInline(slot, request, laminaSDKSendToEnded, nil) else {
        return laminaSDKSendToSlowly(slot, message, flags, request)
    }
    return part.own.sendToCalls.unsafelyUnwrapped.enter(part, slot, message, flags, request)
}

@inline(never)
private func laminaSDKSendToSlowly(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ message: UnsafePointer<lamina_message>,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    let part = Part(open: slot)
    guard Frame.push(slot, request, laminaSDKSendToEnded, nil) else {
        return lamina_complete(slot, request, -ENOMEM, 0)
    }
    guard let calls = part.own.sendToCalls else { return DirectLinks.sendTo(slot, message, flags, request) }
    return calls.enter(part, slot, message, flags, request)
}

@c(lamina_sdk_send_to_ended) @inline(__always)
private func laminaSDKSendToEnded(
    _ slot: UnsafeMutablePointer<lamina_slot>?,
    _ request: UnsafeMutablePointer<lamina_request>,
    _ context: UnsafeMutableRawPointer?
) -> lamina_status {
    guard let slot else { return 0 }
    let part = Part(open: slot)
    part.own.sendToEnds.unsafelyUnwrapped.end(part, slot, request, request.pointee.bytes)
    return 0
}

@c(lamina_sdk_receive_from) @inline(__always)
private func laminaSDKReceiveFrom(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ message: UnsafeMutablePointer<lamina_message>,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    let part = Part(open: slot)
    return part.own.receiveFromCalls.unsafelyUnwrapped.enter(part, slot, message, flags, request)
}

@c(lamina_sdk_receive_from_watched) @inline(__always)
private func laminaSDKReceiveFromWatched(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ message: UnsafeMutablePointer<lamina_message>,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    guard Frame.pushInline(slot, request, laminaSDKReceiveFromEnded, message, UInt64(flags)) else {
        return laminaSDKReceiveFromSlowly(slot, message, flags, request)
    }
    return DirectLinks.receiveFrom(slot, message, flags, request)
}

@c(lamina_sdk_receive_from_seen_twice) @inline(__always)
private func laminaSDKReceiveFromSeenTwice(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ message: UnsafeMutablePointer<lamina_message>,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    let part = Part(open: slot)
    guard Frame.pushInline(slot, request, laminaSDKReceiveFromEnded, message, UInt64(flags)) else {
        return laminaSDKReceiveFromSlowly(slot, message, flags, request)
    }
    return part.own.receiveFromCalls.unsafelyUnwrapped.enter(part, slot, message, flags, request)
}

@inline(never)
private func laminaSDKReceiveFromSlowly(
    _ slot: UnsafeMutablePointer<lamina_slot>,
    _ message: UnsafeMutablePointer<lamina_message>,
    _ flags: UInt32,
    _ request: UnsafeMutablePointer<lamina_request>
) -> lamina_status {
    let part = Part(open: slot)
    guard Frame.push(slot, request, laminaSDKReceiveFromEnded, message, UInt64(flags)) else {
        return lamina_complete(slot, request, -ENOMEM, 0)
    }
    guard let calls = part.own.receiveFromCalls else { return DirectLinks.receiveFrom(slot, message, flags, request) }
    return calls.enter(part, slot, message, flags, request)
}

@c(lamina_sdk_receive_from_ended) @inline(__always)
private func laminaSDKReceiveFromEnded(
    _ slot: UnsafeMutablePointer<lamina_slot>?,
    _ request: UnsafeMutablePointer<lamina_request>,
    _ context: UnsafeMutableRawPointer?
) -> lamina_status {
    guard let slot else { return 0 }
    let part = Part(open: slot)
    part.own.receiveFromEnds.unsafelyUnwrapped.end(
        part,
        slot,
        request,
        Frame.isLook(UInt32(truncatingIfNeeded: Frame.scratch(request))) ? 0 : request.pointee.bytes,
        ReceivedDatagram(context?.assumingMemoryBound(to: lamina_message.self))
    )
    return 0
}
