import CLamina
import CLinux
import Glibc
import Lamina

/// Whether data pass by a layer that transforms them.
enum BypassChecks {
    static func noBypass(_ subject: Subject) throws {
        try subject.onStage { rig in
            guard rig.effect == .transform else {
                throw NotApplicable("with these settings it transforms no data")
            }
            let categories = [SocketCategories.connection, .datagram].filter { subject.has($0) }
            let out = categories.flatMap { ways(out: true, $0, rig) }
            let incoming = categories.flatMap { ways(out: false, $0, rig) + [indication($0, rig)].compactMap { $0 } }
            let isOut = try check(out, rig) { way, other in
                "its data left in the clear, and \(other) transforms what it sends"
            }
            let isIn = try check(incoming, rig) { way, other in
                "its data arrived in the clear, and \(other) transforms what it receives"
            }
            guard isOut || isIn else { throw NotApplicable("it left what crossed it over the stage as it was") }
        }
    }

    /// One way for data through the layer: gives what came out of it, nothing where there is no way.
    private struct Way {
        let name: String
        let pass: () throws -> [UInt8]
    }

    /// Whether any way changes data. Throws where another one doesn't.
    private static func check(_ ways: [Way], _ rig: Rig, _ text: (Way, String) -> String) throws -> Bool {
        var changed: [Way] = []
        var clear: [Way] = []
        for way in ways {
            guard let bytes = try? way.pass(), !bytes.isEmpty else { continue }
            if bytes.contains(Ask.marker) { clear.append(way) } else { changed.append(way) }
        }
        guard let first = changed.first else { return false }
        guard let way = clear.first else { return true }
        throw Finding(
            way.name,
            "\(rig.place): \(text(way, first.name))",
            "transform in every data entry and indication, or leave it empty: then the framework links what is filled"
        )
    }

    private static func ways(out: Bool, _ category: SocketCategories, _ rig: Rig) -> [Way] {
        let wanted = UInt32(out ? LAMINA_CLASS_DATA_OUT : LAMINA_CLASS_DATA_IN)
        return Battery.entries(of: category).filter { entry in
            lamina_describe_entry(UInt32(entry)).pointee.classes & wanted != 0
        }.map { entry in
            Way(name: EntryName.of(entry)) {
                out ? try sent(entry, category, rig) : try received(entry, category, rig)
            }
        }
    }

    private static func sent(_ entry: Int, _ category: SocketCategories, _ rig: Rig) throws -> [UInt8] {
        let connects = entry == LAMINA_ENTRY_CONNECT_WITH_DATA
        let socket = connects ? try rig.open(category) : try rig.ready(category)
        let (stage, _) = try rig.below()
        stage.forget()
        let ask = Ask(entry)
        let call = Call(ask.name)
        call.make { ask.issue(socket, $0) }
        _ = call.end()
        let bytes = stage.seen.filter { $0.entry != LAMINA_ENTRY_CONTROL }.flatMap(\.bytes)
        if call.hasEnded { rig.close(socket) }
        return bytes
    }

    private static func received(_ entry: Int, _ category: SocketCategories, _ rig: Rig) throws -> [UInt8] {
        let socket = try rig.ready(category)
        let (stage, slot) = try rig.below()
        let ask = Ask(entry, payload: Array(repeating: 0, count: Ask.marker.count))
        let call = Call(ask.name)
        call.make { ask.issue(socket, $0) }
        stage.deliver(Ask.marker, to: slot, datagram: category == .datagram)
        let end = call.end()
        rig.close(socket)
        guard let end, end.status >= 0, end.bytes > 0 else { return [] }
        return ask.content
    }

    /// The indication of a category's data; nil where the layer doesn't let it be enabled.
    private static func indication(_ category: SocketCategories, _ rig: Rig) -> Way? {
        guard category == .connection else { return nil }
        return Way(name: "receive indication") {
            let socket = try rig.ready(category)
            defer { rig.close(socket) }
            let (stage, slot) = try rig.below()
            let sink = EventSink()
            try sink.attach(to: socket, [LAMINA_INDICATION_RECEIVE], rig)
            stage.indicate(Ask.marker, on: slot)
            _ = Patience.wait(500) { sink.calls > 0 && !sink.isInside }
            return sink.content
        }
    }
}
