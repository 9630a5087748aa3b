import CallModel
import PolicyEngine
import Router

/// What the management interface asks.
extension ConferenceHost {
  public func answer(_ call: ManagementCall) -> ManagementCall.Answer {
    switch call {
    case .conferences(let selection):
      return answer(selection, reports.map(\.json), at: "conference")
    case .participants(let selection):
      let objects = reports.flatMap(\.participants).compactMap { object -> [(String, JSONText)]? in
        if case .object(let pairs) = object { pairs } else { nil }
      }
      return answer(selection, objects, at: "participant")
    case .dial(let dialOut):
      switch dial(dialOut, from: dialOut.localAlias) {
      case .success(let id):
        return .success([
          ("participant_id", .string(id.description)),
          ("participant_ids", .array([.string(id.description)])),
        ])
      case .failure(.isOver): return .failure(404, "no conference is reached by “\(dialOut.localAlias)”")
      case .failure(let reason): return .failure(400, reason.words)
      }
    case .conference(let command, let name):
      guard directory.conferences[name] != nil else { return .failure(404, "no such conference runs") }
      return perform(command, on: name).map { .failure(400, $0.words) } ?? .success()
    case .participant(let command, let id):
      guard let name = directory.conference(of: id) else { return .failure(404, "no such participant") }
      return perform(command, on: name).map { .failure(400, $0.words) } ?? .success()
    }
  }

  private func answer(
    _ selection: ManagementCall.Selection, _ all: [[(String, JSONText)]], at resource: String
  ) -> ManagementCall.Answer {
    let path = "/api/admin/status/v1/\(resource)/"
    let objects = all.map { object in
      object + [("resource_uri", .string(path + (object.first { $0.0 == "id" }?.1.plain ?? "") + "/"))]
    }
    if let id = selection.id {
      guard let object = objects.first(where: { $0.first { $0.0 == "id" }?.1.plain == id }) else {
        return .failure(404, "not found")
      }
      return ManagementCall.Answer(status: 200, body: JSONText.object(object).text)
    }
    var chosen = objects
    for (field, value) in selection.filters {
      // A field that no object has is not known, if there are objects to tell.
      if let first = objects.first, !first.contains(where: { $0.0 == field }) {
        return .failure(400, "“\(field)” is no field to filter by")
      }
      chosen = chosen.filter { $0.first { $0.0 == field }?.1.plain == value }
    }
    let page = chosen.dropFirst(selection.offset).prefix(selection.limit)
    func link(_ offset: Int) -> JSONText { .string("\(path)?limit=\(selection.limit)&offset=\(offset)") }
    let hasMore = selection.offset + page.count < chosen.count
    let meta: [(String, JSONText)] = [
      ("limit", .integer(selection.limit == .max ? 0 : selection.limit)),
      ("offset", .integer(selection.offset)), ("total_count", .integer(chosen.count)),
      ("next", hasMore ? link(selection.offset + page.count) : .null),
      ("previous", selection.offset > 0 ? link(max(0, selection.offset - selection.limit)) : .null),
    ]
    let body = JSONText.object([("meta", .object(meta)), ("objects", .array(page.map { .object($0) }))])
    return ManagementCall.Answer(status: 200, body: body.text)
  }
}

extension JSONText {
  /// As a filter of the query names it.
  fileprivate var plain: String? {
    switch self {
    case .string(let text): text
    case .integer(let number): String(number)
    case .boolean(let value): value ? "true" : "false"
    default: nil
    }
  }
}
