/** A form made from a tool's JSON Schema: a field for each property; what has no field of its own is written as JSON. */

export interface Schema {
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

export interface Tool {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema: Schema;
}

type Kind = 'boolean' | 'choice' | 'number' | 'text' | 'lines' | 'json';

function kindOf({ type, enum: choices, items }: Schema): Kind {
  if (choices) return 'choice';
  if (type === 'boolean') return 'boolean';
  if (type === 'number' || type === 'integer') return 'number';
  if (type === 'string') return 'text';
  return type === 'array' && items?.type === 'string' ? 'lines' : 'json';
}

export function SchemaFields({ schema }: { readonly schema: Schema }) {
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length === 0) return <p>It takes no arguments.</p>;
  return fields.map(([name, property]) => (
    <Field key={name} name={name} schema={property} isRequired={schema.required?.includes(name) === true} />
  ));
}

interface FieldProps {
  readonly name: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
}

function Field({ name, schema, isRequired }: FieldProps) {
  const kind = kindOf(schema);
  const hintId = `hint-${name}`;
  const hints = [schema.description, kind === 'lines' && 'One on each line.', kind === 'json' && 'As JSON.'];
  const hint = hints.filter(Boolean).join('. ').replace('..', '.');
  return (
    <div className="field">
      <label htmlFor={`field-${name}`}>
        {schema.title ?? name}
        {isRequired && <small> (required)</small>}
      </label>
      <Control
        kind={kind}
        schema={schema}
        attributes={{
          id: `field-${name}`,
          name,
          required: isRequired && kind !== 'boolean',
          ...(hint && { 'aria-describedby': hintId }),
        }}
      />
      {hint && <small id={hintId}>{hint}</small>}
    </div>
  );
}

interface ControlProps {
  readonly kind: Kind;
  readonly schema: Schema;
  readonly attributes: { readonly id: string; readonly name: string; readonly required: boolean };
}

function Control({ kind, schema, attributes }: ControlProps) {
  const { minimum, maximum, minLength, maxLength, type } = schema;
  if (kind === 'boolean')
    return <input {...attributes} type="checkbox" defaultChecked={schema.default === true} />;
  if (kind === 'choice') {
    return (
      <select {...attributes} defaultValue={plain(schema.default)}>
        {schema.default === undefined && <option value="" />}
        {schema.enum?.map((choice) => (
          <option key={choice}>{choice}</option>
        ))}
      </select>
    );
  }
  if (kind === 'lines' || kind === 'json')
    return <textarea {...attributes} rows={3} spellCheck={false} defaultValue={written(kind, schema)} />;
  const defaultValue = plain(schema.default);
  if (kind === 'text') return <input {...attributes} {...{ minLength, maxLength, defaultValue }} />;
  const step = type === 'integer' ? 1 : 'any';
  return <input {...attributes} type="number" {...{ step, min: minimum, max: maximum, defaultValue }} />;
}

const plain = (value: unknown) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

function written(kind: Kind, { default: value }: Schema): string {
  if (value === undefined) return '';
  return kind === 'lines' && Array.isArray(value) ? value.join('\n') : JSON.stringify(value, null, 2);
}

/** A field that is not there reads as an empty one; none of ours takes a file. */
export function textOf(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === 'string' ? value : '';
}

/** The arguments that a filled form stands for; what was left empty is left out. @throws {SyntaxError} for bad JSON */
export function argumentsOf(form: FormData, schema: Schema): Readonly<Record<string, unknown>> {
  const values = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const kind = kindOf(property);
    const text = textOf(form, name);
    if (kind === 'boolean') return [name, form.has(name)] as const;
    return [name, text === '' ? undefined : valueOf(kind, text)] as const;
  });
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

function valueOf(kind: Kind, text: string): unknown {
  if (kind === 'number') return Number(text);
  if (kind === 'json') return JSON.parse(text);
  if (kind === 'text' || kind === 'choice') return text;
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
