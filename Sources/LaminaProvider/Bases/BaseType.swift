import CLamina
import Glibc

/// What a base type conforms to, looked up once.
struct BaseConformances: Sendable {
    let connects: (any Connects.Type)?
    let sends: (any Sends.Type)?
    let receives: (any Receives.Type)?
    let disconnects: (any Disconnects.Type)?
    let binds: (any Binds.Type)?
    let listens: (any Listens.Type)?
    let knowsAddresses: (any KnowsAddresses.Type)?
    let sendsDatagrams: (any SendsDatagrams.Type)?
    let receivesDatagrams: (any ReceivesDatagrams.Type)?
    let resolves: (any Resolves.Type)?
    let namesAddresses: (any NamesAddresses.Type)?
    let answersControls: (any AnswersControls.Type)?

    init(of type: any Base.Type) {
        connects = type as? any Connects.Type
        sends = type as? any Sends.Type
        receives = type as? any Receives.Type
        disconnects = type as? any Disconnects.Type
        binds = type as? any Binds.Type
        listens = type as? any Listens.Type
        knowsAddresses = type as? any KnowsAddresses.Type
        sendsDatagrams = type as? any SendsDatagrams.Type
        receivesDatagrams = type as? any ReceivesDatagrams.Type
        resolves = type as? any Resolves.Type
        namesAddresses = type as? any NamesAddresses.Type
        answersControls = type as? any AnswersControls.Type
    }

    /// Whether sockets open for datagrams.
    var hasDatagrams: Bool { sendsDatagrams != nil || receivesDatagrams != nil }

    /// Whether sockets open for streams.
    var hasStreams: Bool { connects != nil || listens != nil || sends != nil || receives != nil || !hasDatagrams }
}

/// A base's type as the plug-in offers it: what it conforms to, its table, and how its sockets lie in memory. It lives for
/// good.
struct BaseType: @unchecked Sendable {
    // What it points to is constant and never freed.
    let own: BaseConformances
    let type: any Base.Type
    let table: UnsafePointer<lamina_table>
    /// Where a socket's state stands behind its `BaseSocket`, and what both take.
    let stateOffset: Int
    let size: Int
    let alignment: Int
    let longestDatagram: Int

    /// `change` has the last word on the table.
    init(_ type: any Base.Type, _ change: (inout lamina_table) -> Void = { _ in }) {
        let own = BaseConformances(of: type)
        self.own = own
        self.type = type
        let (size, alignment) = Self.layout(of: type)
        self.alignment = max(alignment, MemoryLayout<BaseSocket>.alignment)
        stateOffset = (MemoryLayout<BaseSocket>.size + alignment - 1) / alignment * alignment
        self.size = stateOffset + size
        longestDatagram = type.about.longestDatagram
        table = Immortal.copy(
            lamina_table { table in
                table.open = { BaseLifetime.open($0, $1, $2) }
                table.close = { BaseLifetime.close($0, $1) }
                table.local_address = { BaseNames.local($0, $1, $2) }
                table.remote_address = { BaseNames.remote($0, $1, $2) }
                if own.binds != nil { table.bind = { BaseNames.bind($0, $1, $2, $3) } }
                table.connect = { BaseConnect.connect($0, $1, $2, $3) }
                if own.listens != nil {
                    table.listen = { BaseAccept.listen($0, $1, $2) }
                    table.accept = { BaseAccept.accept($0, $1, $2, $3) }
                    table.inspect_complete = { BaseInspection.complete($0, $1, $2, $3) }
                }
                // A category needs both directions: one that the type has no protocol for answers EOPNOTSUPP.
                if own.hasStreams {
                    table.send = { BaseStream.send($0, $1, $2, $3, $4) }
                    table.receive = { BaseStream.receive($0, $1, $2, $3, $4) }
                }
                if own.disconnects != nil { table.disconnect = { BaseStream.disconnect($0, $1, $2, $3, $4) } }
                if own.hasDatagrams {
                    table.send_to = { BaseDatagrams.sendTo($0, $1, $2, $3) }
                    table.receive_from = { BaseDatagrams.receiveFrom($0, $1, $2, $3) }
                }
                if own.sendsDatagrams != nil {
                    table.send_messages = { BaseDatagrams.sendMessages($0, $1, $2, $3, $4) }
                }
                if own.receivesDatagrams != nil {
                    table.receive_messages = { BaseDatagrams.receiveMessages($0, $1, $2, $3, $4) }
                }
                if own.resolves != nil { table.resolve = { BaseQuestions.resolve($0, $1, $2) } }
                if own.namesAddresses != nil { table.reverse_resolve = { BaseQuestions.reverse($0, $1, $2) } }
                if own.answersControls != nil || own.listens != nil {
                    table.control = { BaseControls.control($0, $1, $2) }
                }
                if own.receives != nil || own.listens != nil || own.receivesDatagrams != nil {
                    table.enable_indications = { BaseEvents.enable($0, $1, $2, $3) }
                    table.release = { releaseNodes($0, $1, $2) }
                }
                table.configure = LevelInstance.configure
                change(&table)
            }
        )
    }

    private static func layout<B: Base>(of type: B.Type) -> (size: Int, alignment: Int) {
        (MemoryLayout<B.State>.size, MemoryLayout<B.State>.alignment)
    }

    /// Makes a level: the function `instantiate` of its provider.
    static func instantiate(
        _ own: UnsafePointer<BaseType>,
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        let type = own.pointee.type
        return LevelInstance.make(own, own.pointee.table, nil, arguments, made) { () throws(Failure) in
            try instance(type, arguments)
        }
    }

    private static func instance<B: Base>(
        _ type: B.Type,
        _ arguments: UnsafePointer<lamina_instance_arguments>
    ) throws(Failure) -> LevelInstance {
        try LevelInstance.holding(type, type.about.settings, arguments)
    }
}
