import CallModel
import Foundation
import PolicyEngine
import Testing

@testable import PolicyImport

/// Exports in memory, and the policies made of them.
enum Exports {
  static let campus = Bundle.module.resourceURL!.appending(path: "Exports/campus").path()

  /// The example export: every kind of object, made up.
  static func files() -> [ExportFile] {
    let (files, diagnostics) = ExportFile.files(of: [campus])
    #expect(diagnostics.isEmpty)
    // Reports name files as they were given: without the place of the build.
    return files.map {
      ExportFile(name: $0.name.split(separator: "/").last.map(String.init)!, bytes: $0.bytes)
    }
  }

  static func one(_ name: String, _ text: String) -> PolicyImport {
    PolicyImport([ExportFile(name: "\(name).json", text: text)])
  }

  /// Rules in an envelope of their own, each with a name, a priority and what is given.
  static func rules(_ rules: [String]) -> String {
    let objects = rules.enumerated().map { number, fields in
      """
      {"id": \(number + 1), "resource_uri": "/api/admin/configuration/v1/gateway_routing_rule/\(number + 1)/",
       "name": "rule \(number + 1)", "priority": \(min(number + 1, 200)), \(fields)}
      """
    }
    return
      "{\"meta\": {\"total_count\": \(rules.count)}, \"objects\": [\n\(objects.joined(separator: ",\n"))\n]}"
  }

  /// The policy as the loader reads it.
  static func load(_ imported: PolicyImport) -> PolicyLoader.Outcome {
    let lists = Dictionary(uniqueKeysWithValues: imported.outputs.map { ($0.name, $0.text) })
    return PolicyLoader.load(
      files: imported.outputs.filter { $0.name.hasSuffix(".yaml") }.map {
        .init(name: $0.name, text: $0.text)
      },
      secrets: .fixed(areRequired: false), lists: .fixed(lists))
  }

  /// The YAML of one section.
  static func text(_ imported: PolicyImport, _ file: String) -> String {
    imported.outputs.first { $0.name == file }?.text ?? ""
  }
}
