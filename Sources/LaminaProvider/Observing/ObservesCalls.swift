import CLamina
import Glibc

/// A layer that sees every call and every event, whichever it is, and changes none: one function for how they begin, and one
/// for how they ended, with a note of the layer's own between. Its type has no protocols for calls and events beside this one.
/// `ChoosesEntries` says which of them a level sees, if not all.
///
/// A call of which a note is kept costs an allocation; others, and events, none.
public protocol ObservesCalls: Layer, ~Copyable {
    /// What is kept of a call or event until it has ended.
    associatedtype Note: Sendable

    /// Whether a datagram's sender is found out where the caller doesn't ask for it.
    var asksForSenders: Bool { get }

    /// A call is about to be passed on, or an event. Answers what to keep of it; nil: its end isn't told. Any thread; must
    /// not block.
    func begins(_ call: borrowing ObservedCall<State>) -> Note?

    /// Runs once for each call or event that has a note, whoever ended it and how. Any thread; must not block.
    func ended(_ note: Note, _ ending: borrowing ObservedEnd<State>)
}

extension ObservesCalls where Self: ~Copyable {
    /// No.
    public var asksForSenders: Bool { false }

    /// Lets the layer note a call. Nil: it goes on; else it ended here, with this status.
    static func note(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ entry: Entry,
        _ arguments: ObservedArguments,
        _ parts: CallParts
    ) -> lamina_status? {
        var room = parts.address
        return note(part, slot, request, entry, arguments, parts, room: &room)
    }

    /// The same; where no room for an answered address is wanted, `room` becomes the note's own.
    static func note(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ entry: Entry,
        _ arguments: ObservedArguments,
        _ parts: CallParts,
        room: inout UnsafeMutablePointer<lamina_address>?
    ) -> lamina_status? {
        let layer = part.layer(Self.self)
        guard let note = layer.pointee.begins(ObservedCall(slot, entry, arguments)) else { return nil }
        guard let kept = KeptCall.make(entry, parts, note, asksForSenders: layer.pointee.asksForSenders) else {
            return outOfMemory(slot, request, entry)
        }
        if kept.pointee.address == nil { kept.pointee.address = kept.field(\.room) }
        guard Frame.push(slot, request, ObserverThunks.ended, kept) else {
            KeptCall.destroy(kept, Note.self)
            return outOfMemory(slot, request, entry)
        }
        room = kept.pointee.address
        return nil
    }

    /// Ends a call that can't be noted. A close goes on all the same.
    private static func outOfMemory(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ entry: Entry
    ) -> lamina_status? {
        entry == .close ? nil : lamina_complete(slot, request, -ENOMEM, 0)
    }

    /// Tells the layer how a call ended.
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ kept: UnsafeMutablePointer<KeptCall>
    ) {
        part.layer(Self.self).pointee.ended(
            KeptCall.note(kept, Note.self).pointee,
            ObservedEnd(slot, request, kept)
        )
        KeptCall.destroy(kept, Note.self)
    }

    /// Lets the layer note an event, passes it on, and tells how it ended.
    static func observe(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ entry: Entry,
        _ arguments: ObservedArguments,
        _ pass: () -> lamina_status,
        _ bytes: (EventAnswer) -> UInt64,
        _ verdict: () -> UInt32
    ) -> lamina_status {
        let layer = part.layer(Self.self)
        guard let note = layer.pointee.begins(ObservedCall(slot, entry, arguments)) else { return pass() }
        let status = pass()
        layer.pointee.ended(
            note,
            ObservedEnd(slot, entry, status, bytes(EventAnswer(status)), InspectionVerdict(verdict()))
        )
        return status
    }
}
