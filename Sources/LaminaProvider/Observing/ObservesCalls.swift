public import CLamina
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

    // The same as the SDK asks for it, which knows neither state nor note: the defaults are compiled with the layer's type.

    /// Asks `begins`, and puts its note into the room.
    func _begins(_ call: borrowing ObservedCall<NoState>, _ room: inout _NoteRoom)

    /// Tells `ended`, and takes the note from its place.
    func _ended(_ note: UnsafeMutableRawPointer, _ ending: borrowing ObservedEnd<NoState>)

    /// Both around an event, which `pass` passes on.
    func _observes(
        _ call: borrowing ObservedCall<NoState>,
        _ pass: () -> lamina_status,
        _ bytes: (EventAnswer) -> UInt64,
        _ verdict: () -> UInt32
    ) -> lamina_status
}

extension ObservesCalls where Self: ~Copyable {
    /// No.
    public var asksForSenders: Bool { false }

    /// For the SDK: `begins`.
    @inlinable
    public func _begins(_ call: borrowing ObservedCall<NoState>, _ room: inout _NoteRoom) {
        guard let note = begins(ObservedCall(call)) else { return }
        room.make(MemoryLayout<Note>.size)?.initializeMemory(as: Note.self, to: note)
    }

    /// For the SDK: `ended`.
    @inlinable
    public func _ended(_ note: UnsafeMutableRawPointer, _ ending: borrowing ObservedEnd<NoState>) {
        ended(note.assumingMemoryBound(to: Note.self).move(), ObservedEnd(ending))
    }

    /// For the SDK: both.
    @inlinable
    public func _observes(
        _ call: borrowing ObservedCall<NoState>,
        _ pass: () -> lamina_status,
        _ bytes: (EventAnswer) -> UInt64,
        _ verdict: () -> UInt32
    ) -> lamina_status {
        let call = ObservedCall<State>(call)
        guard let note = begins(call) else { return pass() }
        let status = pass()
        ended(note, ObservedEnd(call, status, bytes(EventAnswer(status)), InspectionVerdict(verdict())))
        return status
    }
}

/// Where the note of a call is kept, made when there is one.
public struct _NoteRoom: ~Copyable {
    private let entry: Entry
    private let parts: CallParts
    private let asksForSenders: Bool
    private(set) var kept: UnsafeMutablePointer<KeptCall>?
    private(set) var isOutOfMemory = false

    init(_ entry: Entry, _ parts: CallParts, asksForSenders: Bool) {
        self.entry = entry
        self.parts = parts
        self.asksForSenders = asksForSenders
    }

    /// The place of a note of this size. Nil: there is no memory.
    @usableFromInline
    mutating func make(_ size: Int) -> UnsafeMutableRawPointer? {
        kept = KeptCall.make(entry, parts, noteSize: size, asksForSenders: asksForSenders)
        isOutOfMemory = kept == nil
        return kept.map(KeptCall.note)
    }
}

extension ObservesCalls where Self: ~Copyable {
    /// Lets the layer note a call. Nil: it goes on; else it ended here, with this status. Where no room for an answered
    /// address is wanted, `room` becomes the note's own.
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
        var place = _NoteRoom(entry, parts, asksForSenders: layer.pointee.asksForSenders)
        layer.pointee._begins(ObservedCall(slot, entry, arguments), &place)
        guard !place.isOutOfMemory else { return outOfMemory(slot, request, entry) }
        guard let kept = place.kept else { return nil }
        if kept.pointee.address == nil { kept.pointee.address = kept.field(\.room) }
        guard Frame.push(slot, request, ObserverThunks.ended, kept) else {
            layer.pointee._ended(KeptCall.note(kept), ObservedEnd(slot, request, kept, status: -ENOMEM))
            KeptCall.destroy(kept)
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
        part.layer(Self.self).pointee._ended(
            KeptCall.note(kept),
            ObservedEnd(slot, request, kept, status: request.pointee.status)
        )
        KeptCall.destroy(kept)
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
        part.layer(Self.self).pointee._observes(ObservedCall(slot, entry, arguments), pass, bytes, verdict)
    }
}
